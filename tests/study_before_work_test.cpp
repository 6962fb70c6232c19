#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>

#include "config/yaml.h"
#include "core/error.h"
#include "core/file.h"
#include "error_testing.h"
#include "graph/onnx_write.h"
#include "models/spec.h"
#include "study/stages.h"
#include "study_testing.h"

namespace quench::study {
namespace {

namespace fs = std::filesystem;

/// What no work can mend is told before any.
class StudyBeforeWork : public StudyTest {};

TEST_F(StudyBeforeWork, WeightsThatAreNotThereAreAnErrorOfThePlan) {
  StudyFile study = tiny("[fp32]");
  study.models.at(0).model["pretrained"] = "nowhere.onnx";
  for (const bool is_plan : {true, false}) {
    const auto [kind, message] =
        error_of([&] { is_plan ? void(plan(study, context(), false)) : void(run(study, context())); });
    EXPECT_EQ(kind, ErrorKind::config);
    EXPECT_NE(message.find("nowhere.onnx"), std::string::npos) << message;
  }
  EXPECT_FALSE(fs::exists(folder_ / "records.jsonl"));
}

TEST_F(StudyBeforeWork, WeightsThatDoNotFitAreAnErrorOfThePlan) {
  fs::create_directories(folder_ / "weights");
  write_file(folder_ / "weights/text.onnx", "no weights");
  graph::save_onnx(models::build("yolov8n-cls", {.classes = {}, .imgsz = 32}), folder_ / "weights/other.onnx");
  const std::pair<const char*, const char*> files[] = {{"text.onnx", "text.onnx"},
                                                       {"other.onnx", "expected weights of yolov5n-cls"}};
  for (const auto& [file, words] : files) {
    StudyFile study = tiny("[fp32]");
    study.models.at(0).model["pretrained"] = (folder_ / "weights" / file).string();
    for (const bool is_plan : {true, false}) {
      const auto [kind, message] =
          error_of([&] { is_plan ? void(plan(study, context(), false)) : void(run(study, context())); });
      EXPECT_NE(message.find("pretrained: "), std::string::npos) << message;
      EXPECT_NE(message.find(words), std::string::npos) << message;
    }
  }
  EXPECT_FALSE(fs::exists(folder_ / "records.jsonl"));
  StudyFile study = tiny("[fp32]");
  graph::save_onnx(models::build("yolov5n-cls", {.classes = {}, .imgsz = 32}), folder_ / "weights/own.onnx");
  study.models.at(0).model["pretrained"] = (folder_ / "weights/own.onnx").string();
  EXPECT_NO_THROW(plan(study, context(), false));
}

TEST_F(StudyBeforeWork, APruningOutOfReachIsToldBeforeTheTraining) {
  const auto said = [&](const std::string& prune, const std::function<void(const StudyFile&)>& call) {
    const StudyFile study = tiny("[fp32, {name: small, steps: [{prune: {" + prune + "}}]}]");
    const auto [kind, message] = error_of([&] { call(study); });
    EXPECT_EQ(kind, ErrorKind::config) << prune;
    EXPECT_NE(message.find("small of yolov5n-cls@32: "), std::string::npos) << message;
  };
  for (const char* prune :
       {"target_gflops: 0.1x, max_ratio: 0.5", "target_params: 0.01x, keep_min: 64", "ratio: 0.5, protect: ['*']"}) {
    said(prune, [&](const StudyFile& study) { plan(study, context()); });
    said(prune, [&](const StudyFile& study) { run(study, context()); });
  }
  EXPECT_EQ(std::ranges::count_if(messages_, [](const std::string& text) { return text.ends_with(": train"); }), 0);
  EXPECT_NO_THROW(plan(tiny("[{name: small, steps: [{prune: {target_gflops: 0.5x}}]}]"), context()));
}

TEST_F(StudyBeforeWork, MissingDataIsOneErrorBeforeAnyWork) {
  StudyFile study = tiny("[fp32, ptq]");
  study.data["data"] = "cifar100";
  const auto [kind, message] = error_of([&] { run(study, context()); });
  EXPECT_EQ(kind, ErrorKind::io);
  EXPECT_NE(message.find("quench data fetch cifar100"), std::string::npos) << message;
  EXPECT_FALSE(fs::exists(folder_ / "records.jsonl"));
  plan(study, context(), false);  // a plan says so, and plans
  EXPECT_NE(messages_.back().find("a run would stop here"), std::string::npos) << messages_.back();
}

TEST_F(StudyBeforeWork, DataOfAnotherTaskAndMissingFilesAreToldBeforeAnyWork) {
  const std::pair<const char*, std::string> cases[] = {
      {"expected data for models that classify", "data: 'cifar100-scenes:train=8,test=8'\nmethods: [fp32]\n"},
      {"there is no file float.onnx", "methods: [{name: m, steps: [quantize, {adaround: {reference: float.onnx}}]}]\n"},
      {"there is no file table.json",
       "methods: [{name: m, steps: [{assign_bits: {sensitivity: table.json, target_bytes: 0.5x}}]}]\n"},
      {"agent: there is no file",
       "methods: [fp32]\ndevices: [host, {name: n, address: ssh://u@h, agent: /nowhere/agent}]\n"},
  };
  for (const auto& [expected, text] : cases) {
    const std::string data = text.starts_with("data") ? "" : "data: {data: shapes, train_limit: 20, test_limit: 20}\n";
    if (data.empty() && !fs::exists(fs::path(std::getenv("HOME")) / ".cache/quench/cifar100")) continue;
    const StudyFile study =
        check_study(config::parse_yaml("study: s\nimgsz: 32\nmodels: [yolov5n-cls]\n" + data + text, "t"), "t");
    RunContext where = context();
    if (data.empty()) where.data_root = fs::path(std::getenv("HOME")) / ".cache/quench";
    const auto [kind, message] = error_of([&] { run(study, where); });
    EXPECT_EQ(kind, ErrorKind::config) << expected;
    EXPECT_NE(message.find(expected), std::string::npos) << message;
    EXPECT_FALSE(fs::exists(folder_ / "records.jsonl"));
  }
}

// Weights that no training touches must know the classes that they are scored on.
TEST_F(StudyBeforeWork, WeightsTakenAsTheyAreHaveTheClasses) {
  models::BuildOptions options;
  options.imgsz = 32;
  for (int i = 0; i < 10; ++i) options.classes.push_back(fmt::format("thing {}", i));
  fs::create_directories(folder_);
  graph::save_onnx(models::build("yolov5n-cls", options), folder_ / "other.onnx");
  const auto study_of = [&](int epochs) {
    return check_study(
        config::parse_yaml(fmt::format("study: s\nimgsz: 32\ndata: {{data: shapes, train_limit: 40, "
                                       "test_limit: 20}}\nmodels: [{{model: yolov5n-cls, pretrained: {}}}]\n"
                                       "train: {{epochs: {}}}\nmethods: [fp32]\n",
                                       (folder_ / "other.onnx").string(), epochs),
                           "t"),
        "t");
  };
  const auto [kind, message] = error_of([&] { plan(study_of(0), context(), false); });
  EXPECT_EQ(kind, ErrorKind::config);
  EXPECT_NE(message.find("no class '"), std::string::npos) << message;
  EXPECT_NO_THROW(plan(study_of(1), context(), false));
  graph::save_onnx(models::build("yolov5n", options), folder_ / "other.onnx");  // a backbone without the head
  const auto [other_kind, other] = error_of([&] { plan(study_of(0), context(), false); });
  EXPECT_EQ(other_kind, ErrorKind::config);
  EXPECT_NE(other.find("a new head has to be trained"), std::string::npos) << other;
  EXPECT_NO_THROW(plan(study_of(1), context(), false));
}

}  // namespace
}  // namespace quench::study
