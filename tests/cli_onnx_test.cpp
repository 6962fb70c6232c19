// Networks of other tools from the command line, none of quench's own models among them.
#include <gtest/gtest.h>

#include "cli_testing.h"
#include "core/file.h"
#include "core/json.h"
#include "core/rng.h"
#include "onnx_files.h"

namespace quench {
namespace {

using onnx::samples::File;
using onnx::samples::set_attribute;

Tensor random(const Shape& shape, const std::string& name) {
  Tensor out(DType::f32, shape);
  Rng rng(3, name);
  for (float& value : out.mutable_values<float>()) value = static_cast<float>(0.3 * rng.normal());
  return out;
}

/// Three convolutions and a linear layer.
File network() {
  File file(17);
  file.input("pixels", {-1, 3, 32, 32});
  std::string x = "pixels";
  int64_t channels = 3;
  for (const int64_t wider : {8, 16, 16}) {
    const std::string name = "c" + std::to_string(wider) + "_" + std::to_string(channels);
    auto& conv = file.node("Conv",
                           {x, file.constant(name + "_w", random({wider, channels, 3, 3}, name)),
                            file.constant(name + "_b", random({wider}, name + "b"))},
                           {name});
    set_attribute(conv, "pads", std::vector<int64_t>{1, 1, 1, 1});
    set_attribute(conv, "strides", std::vector<int64_t>{2, 2});
    file.node("Relu", {name}, {name + "_r"});
    x = name + "_r";
    channels = wider;
  }
  file.node("GlobalAveragePool", {x}, {"means"});
  set_attribute(file.node("Flatten", {"means"}, {"flat"}), "axis", int64_t{1});
  file.node("Gemm", {"flat", file.constant("w", random({16, 5}, "w"))}, {"scores"});
  file.output("scores");
  return file;
}

class OtherTools : public Cli {
 protected:
  void SetUp() override {
    Cli::SetUp();
    write_file(folder_ / "net.onnx", network().bytes());
  }
  /// With a cache of its own.
  Outcome here(const std::string& arguments) const {
    return run(fmt::format("HOME={} {} {}", folder_.string(), QUENCH_PROGRAM, arguments));
  }
};

TEST_F(OtherTools, ANetworkStandsWhereAModelMay) {
  Outcome outcome = here("info net.onnx --format json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("ONNX of another tool, imported"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("task: none"), std::string::npos) << outcome.err;
  EXPECT_EQ(parse_json(outcome.out, "info")["params"], 8 * 27 + 8 + 16 * 72 + 16 + 16 * 144 + 16 + 80);
  outcome = here("bench net.onnx --min-samples 5");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  outcome = here("bench net.onnx --streams 2 --min-samples 5 --min-seconds 0 --format json");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  outcome = here("import net.onnx -o y.onnx");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  expect_error("import y.onnx -o again.onnx", 2, {"a model of quench's own"});
  expect_error("bench y.onnx --end-to-end", 2, {"task", "none"});
}

TEST_F(OtherTools, OperatorsThatThereAreNotAreListed) {
  File file = network();
  file.node("Softmax", {"scores"}, {"probabilities"});
  file.model.mutable_graph()->mutable_output(0)->set_name("probabilities");
  write_file(folder_ / "other.onnx", file.bytes());
  expect_error("info other.onnx", 3, {"Softmax x1", "other.onnx"});
  write_file(folder_ / "torn.onnx", network().bytes().substr(0, 300));
  expect_error("info torn.onnx", 2, {"torn.onnx", "truncated"});
}

#ifdef QUENCH_LAB
TEST_F(OtherTools, OutputsAreComparedInPlaceOfAccuracy) {
  const std::string data = " --data shapes --train-limit 64 --test-limit 32";
  Outcome outcome = here("quantize net.onnx --calibration-images 32 -o q.onnx" + data);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  outcome = here("eval q.onnx --against net.onnx --format json" + data);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Json whole = parse_json(outcome.out, "eval");
  EXPECT_EQ(whole["images"], 32);
  EXPECT_EQ(whole["runtime"], "native");
  EXPECT_GT(whole["outputs"][0]["sqnr_db"], 15);
  EXPECT_GT(whole["outputs"][0]["agreement"], 0.8);
  outcome = here("eval net.onnx --against net.onnx" + data);
  EXPECT_NE(outcome.out.find("is the same in both"), std::string::npos) << outcome.out << outcome.err;
  ASSERT_EQ(here("import net.onnx -o y.onnx").code, 0);
  expect_error("eval y.onnx" + data, 2, {"no task", "--against"});
  outcome = here("prune net.onnx --target-gflops 0.6x -o p.onnx" + data);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  expect_error("finetune y.onnx -o f.onnx" + data, 2, {"none"});
}
#endif

}  // namespace
}  // namespace quench
