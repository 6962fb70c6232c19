// Studies whose models learn from a teacher: the model that the chain starts from, or a file.
#include <gtest/gtest.h>

#include <set>

#include "core/error.h"
#include "core/file.h"
#include "data/sets/shapes.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"
#include "models/spec.h"
#include "study_testing.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

class StudyDistill : public StudyTest {
 protected:
  static StudyFile tiny(const std::string& methods, const std::string& extra = "") {
    return StudyTest::tiny(methods, extra, methods::step_table(), "{data: shapes, train_limit: 64, test_limit: 20}");
  }
  std::set<std::string> keys_to_do(const StudyFile& study) {
    std::set<std::string> keys;
    for (const PlannedJob& job : plan(study, context())) {
      if (job.kind == "finetune" && job.state == JobState::to_do) keys.insert(job.key);
    }
    return keys;
  }
  void expect_refused(const std::string& part, const std::function<void()>& work) {
    messages_.clear();
    try {
      work();
      ADD_FAILURE() << "expected an error that names " << part;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::config) << error.what();
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
    EXPECT_EQ(count_messages(": train"), 0) << "before any training";
  }
};

TEST_F(StudyDistill, PrunedAndQuantizedModelsLearnFromTheOriginal) {
  const StudyFile study = tiny(
      "[fp32, {name: half, steps: [{prune: {ratio: 0.5}}, {finetune: {epochs: 2, teacher: original, distill: both}}]}, "
      "{method: qat, calibration_images: 16, epochs: 1, teacher: original, distill_temperature: 2}, "
      "{name: plain, steps: [{prune: {ratio: 0.5}}, {finetune: {epochs: 2}}]}]",
      "stem_stride: 1");  // the last feature map has more than one place
  const RunSummary summary = run(study, context());
  ASSERT_EQ(summary.records.size(), 4u);
  for (const record::Record& record : summary.records) {
    ASSERT_EQ(record.status, "ok") << *record.cell << ": " << record.reason.value_or("");
  }
  const record::Record &fp32 = summary.records[0], &half = summary.records[1], &qat = summary.records[2],
                       &plain = summary.records[3];
  EXPECT_FALSE(fp32.teacher_sha256 || plain.teacher_sha256);
  EXPECT_EQ(half.teacher_sha256, fp32.model_sha256) << "before it was pruned";
  EXPECT_EQ(qat.teacher_sha256, fp32.model_sha256) << "before it was quantized";
  EXPECT_EQ(half.config["steps"][2]["finetune"]["distill"], "both");
  EXPECT_FALSE(plain.config["steps"][2]["finetune"].contains("teacher")) << "the work that it was";
  EXPECT_NE(half.model_sha256, plain.model_sha256);
  EXPECT_EQ(half.params, plain.params) << "nothing of the teacher or its adapter is in the model";
  EXPECT_EQ(qat.agreement, 1.0);
  const graph::Graph model = graph::read_model(folder_ / *half.artifact).graph;
  EXPECT_EQ(model.metadata.at("teacher_sha256"), *fp32.model_sha256);
  EXPECT_EQ(parse_json(model.metadata.at("distillation"), "m")["distill"], "both");

  // Cancelled after an epoch of the pruned model's, and gone on with.
  const fs::path straight = folder_;
  folder_ = straight / "again";
  CancelToken stop;
  bool tuning = false;
  LogSink log{[&](LogLevel, std::string_view text) {
                tuning = tuning || text.ends_with("half: finetune");
                if (tuning && text.starts_with("epoch 1/2")) stop.cancel();
              },
              nullptr};
  RunContext stopping = context();
  stopping.log = &log;
  stopping.cancel = &stop;
  EXPECT_THROW(run(study, stopping), Error);
  EXPECT_TRUE(tuning);
  const RunSummary again = run(study, context());
  EXPECT_EQ(count_messages("half: finetune"), 2) << "once in the straight run, once here: it goes on";
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(again.records.at(i).model_sha256, summary.records[i].model_sha256) << i;
  folder_ = straight;
}

TEST_F(StudyDistill, AnotherTeacherIsOtherWork) {
  const fs::path file = folder_ / "teacher.onnx";
  fs::create_directories(folder_);
  const auto study = [&](const std::string& teacher) {
    return tiny("[{name: taught, steps: [{finetune: {epochs: 1" + teacher + "}}]}]");
  };
  const std::string named = ", teacher: " + file.string();
  const std::vector<std::string> classes = data::open_shapes({}).train->classes();
  const auto none = keys_to_do(study("")), original = keys_to_do(study(", teacher: original"));
  graph::save_onnx(models::build("yolov5n-cls", {.classes = classes, .imgsz = 32, .seed = 1}), file);
  const auto first = keys_to_do(study(named));
  graph::save_onnx(models::build("yolov5n-cls", {.classes = classes, .imgsz = 32, .seed = 2}), file);
  const auto second = keys_to_do(study(named));
  std::set<std::set<std::string>> all{none, original, first, second};
  EXPECT_EQ(all.size(), 4u);
  for (const auto& keys : all) EXPECT_EQ(keys.size(), 1u);
}

TEST_F(StudyDistill, MapsThatCannotBeComparedAreToldByThePlan) {
  fs::create_directories(folder_);
  const auto refuse = [&](const std::string& part, const StudyFile& study) {
    expect_refused(part, [&] { plan(study, context()); });
    expect_refused(part, [&] { run(study, context()); });
  };
  const auto study = [&](const std::string& settings, const std::string& extra = "") {
    return tiny("[{name: taught, steps: [{finetune: {epochs: 1" + settings + "}}]}]", extra);
  };
  // The last map of 32 px has one place.
  refuse("found none", study(", teacher: original, distill: both"));
  refuse("found none", study(", teacher: original, distill: features"));
  EXPECT_NO_THROW(plan(study(", teacher: original"), context()));
  EXPECT_NO_THROW(plan(study(", teacher: original, distill: both", "stem_stride: 1"), context()));
  const fs::path file = folder_ / "teacher.onnx";
  graph::save_onnx(
      models::build("yolov5n-cls", {.classes = data::open_shapes({}).train->classes(), .imgsz = 64, .stem_stride = 1}),
      file);
  StudyFile larger = study(", distill: features, teacher: " + file.string());
  for (ModelEntry& entry : larger.models) entry.model["imgsz"] = 64;
  refuse("expected a teacher with a feature map of 2 x 2, got 4 x 4", larger);
  for (ModelEntry& entry : larger.models) entry.model["stem_stride"] = 1;
  EXPECT_NO_THROW(plan(larger, context()));
}

TEST_F(StudyDistill, AWrongTeacherIsToldBeforeAnyTraining) {
  fs::create_directories(folder_);
  const auto refuse = [&](const std::string& part, const std::string& settings) {
    const auto study = [&] { return tiny("[{name: taught, steps: [{finetune: {epochs: 1" + settings + "}}]}]"); };
    expect_refused(part, [&] { plan(study(), context()); });
    expect_refused(part, [&] { run(study(), context()); });
  };
  refuse("expected a 'teacher' with 'distill_weight'", ", distill_weight: 2");
  refuse("expected a 'teacher' with 'distill'", ", distill: both");
  refuse("expected one of logits, features, both", ", teacher: original, distill: heads");
  refuse("got 'nowhere.onnx'", ", teacher: nowhere.onnx");
  const fs::path file = folder_ / "teacher.onnx";
  graph::save_onnx(models::build("yolov5n-cls", {.classes = {"a", "b"}, .imgsz = 32}), file);
  refuse("does not fit", ", teacher: " + file.string());
  write_file(file, "nothing");
  refuse("expected a model file", ", teacher: " + file.string());
  expect_refused("before the training there is no model", [&] {
    StudyFile study = tiny("[fp32]");
    study.models[0].train["teacher"] = "original";
    run(study, context());
  });
}

}  // namespace
}  // namespace quench::study
