// Studies whose quantized models are refined: each step looks back at the float model that the chain quantized.
#include <gtest/gtest.h>

#include "graph/onnx_read.h"
#include "study_testing.h"

namespace quench::study {
namespace {

class StudyRefine : public StudyTest {};

TEST_F(StudyRefine, APrunedModelIsRoundedAndCorrectedByItsOwnFloats) {
  // The model of the training has other shapes: were it looked back at, the steps would refuse it.
  const std::string images = "calibration_images: 16";
  const StudyFile study = tiny("[{name: fine, steps: [{prune: {ratio: 0.3}}, {finetune: {epochs: 1}}, {quantize: {" +
                                   images + ", bits_w: 4, weight_scales: [mse, output_mse]}}, {adaround: {" + images +
                                   ", iterations: 20}}, {correct_bias: {" + images + "}}]}]",
                               "", methods::step_table(), "{data: shapes, train_limit: 64, test_limit: 20}");
  const RunSummary summary = run(study, context());
  ASSERT_EQ(summary.records.size(), 2u);
  for (const record::Record& record : summary.records) {
    ASSERT_EQ(record.status, "ok") << *record.cell << ": " << record.reason.value_or("");
    EXPECT_EQ(record.bits_w, 4);
    EXPECT_EQ(record.agreement, 1.0) << "torch runs the simulation itself";
    EXPECT_EQ(record.config["steps"][4]["adaround"]["iterations"], 20);
    const graph::Graph model = graph::read_model(folder_ / *record.artifact).graph;
    EXPECT_EQ(model.metadata.at("bias_correction"), "empirical");
    EXPECT_EQ(model.metadata.at("weight_scales"), "fixed");
  }
  EXPECT_EQ(summary.records[0].config["steps"][3]["quantize"]["weight_scales"], "mse");
  EXPECT_NE(summary.records[0].model_sha256, summary.records[1].model_sha256);
  EXPECT_EQ(count_messages(": finetune"), 1) << "both begin alike";
}

}  // namespace
}  // namespace quench::study
