// A step becomes a command by its entry in the table of steps: its flags, what of the data it reads, its work.
#include <gtest/gtest.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/lab_commands.h"
#include "core/error.h"
#include "core/task.h"
#include "data/sets/dataset.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"
#include "models/spec.h"
#include "program/parse.h"
#include "prune/prune.h"
#include "steps/step.h"

namespace quench::cli {
namespace {

namespace fs = std::filesystem;

class StepCommand : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("quench-cli-step-{}", ::getpid());
    fs::create_directories(folder_);
    graph::save_onnx(models::build("yolov5n-cls", {.classes = {"a", "b"}, .imgsz = 32}), folder_ / "in.onnx");
    steps_.add({"scale_weights", "Multiply all weights", methods::Needs::nothing, true,
                [](std::string_view) {
                  return config::OptionSet({{"factor", config::OptionType::number, 2.0, "factor", {}, 0, 10}});
                },
                [](const methods::ModelKind& kind) {
                  if (kind.quantized) fail(ErrorKind::config, "[scale_weights] expected a float model");
                  return kind;
                }},
               [](const steps::StepInput& input) {
                 graph::Graph out = input.model.graph;
                 for (auto& [name, weight] : out.weights) {
                   for (float& value : weight.value.mutable_values<float>()) {
                     value *= input.settings["factor"].get<float>();
                   }
                 }
                 return out;
               });
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// As the program does: the commands with these steps, the words, the command's function.
  int quench(std::vector<std::string> words) {
    const std::vector<program::Command> all = make_commands(steps_.table());
    CLI::App app;
    program::Parsed parsed;
    program::add_commands(app, all, parsed);
    std::ranges::reverse(words);
    app.parse(words);
    program::Environment environment;
    environment.log.message = [this](LogLevel, std::string_view text) { messages_.emplace_back(text); };
    environment.cancel = &cancel_;
    environment.data_root = folder_ / "no-data";
    return run_step(parsed.invocation, environment, steps_);
  }
  std::string path(const char* name) const { return folder_ / name; }

  fs::path folder_;
  steps::Registry steps_ = steps::registry();
  std::vector<std::string> messages_;
  CancelToken cancel_;
};

TEST_F(StepCommand, AStepOfOnesOwnIsACommandByOneEntry) {
  ASSERT_EQ(quench({"scale_weights", path("in.onnx"), "--factor", "0.5", "-o", path("out.onnx")}), program::kOk);
  const auto in = graph::read_model(path("in.onnx")).graph, out = graph::read_model(path("out.onnx")).graph;
  ASSERT_EQ(in.weights.size(), out.weights.size());
  for (const auto& [name, weight] : in.weights) {
    EXPECT_EQ(out.weights.at(name).value.values<float>()[0], weight.value.values<float>()[0] * 0.5f) << name;
  }
  EXPECT_THROW(quench({"scale_weights", path("in.onnx"), "--factor", "11", "-o", path("no.onnx")}), Error);
  EXPECT_THROW(quench({"scale_weights", path("in.onnx"), "--data", "shapes", "-o", path("no.onnx")}), CLI::ParseError)
      << "it reads no data";
  EXPECT_FALSE(fs::exists(folder_ / "no.onnx"));
}

TEST_F(StepCommand, EveryCommandOfAStepHasTheStepsSettings) {
  const std::vector<program::Command> all = make_commands(steps_.table());
  for (const methods::StepInfo& step : steps_.table().all()) {
    const auto found = std::ranges::find(all, step.name, &program::Command::name);
    if (!step.command) continue;
    ASSERT_NE(found, all.end()) << step.name;
    EXPECT_EQ(std::ranges::count(all, step.name, &program::Command::name), 1) << step.name;
    for (const Task& task : tasks()) {
      const config::OptionSet own = step.options(task.name);
      for (const config::Option& option : own.options()) {
        EXPECT_TRUE(found->options.find(option.name)) << step.name << " --" << option.name;
      }
    }
  }
  EXPECT_EQ(std::ranges::find(all, "convert", &program::Command::name), all.end());
  for (const program::Command& command : all) {
    EXPECT_EQ(command.inputs.name.empty(), command.max_inputs == 0) << command.name;
    EXPECT_EQ(command.inputs.name.empty(), command.inputs.help.empty()) << command.name;
  }
}

TEST_F(StepCommand, CheckpointsAreOfStepsThatWriteThem) {
  const std::vector<program::Command> all = make_commands(steps_.table());
  for (const char* name : {"train", "finetune", "prune", "sparsify", "scale_weights"}) {
    const bool trains = name == std::string_view("train") || name == std::string_view("finetune");
    const auto found = std::ranges::find(all, name, &program::Command::name);
    ASSERT_NE(found, all.end()) << name;
    for (const char* flag : {"work", "resume"}) EXPECT_EQ(found->options.find(flag) != nullptr, trains) << name;
  }
  EXPECT_THROW(quench({"scale_weights", path("in.onnx"), "--work", path("w"), "-o", path("out.onnx")}),
               CLI::ParseError);
}

TEST_F(StepCommand, ANameInPlaceOfAFileIsToldHowToBecomeOne) {
  for (const char* step : {"prune", "finetune", "sparsify", "scale_weights"}) {
    for (const auto& [name, part] : {std::pair("yolov5n-cls", "quench train --model yolov5n-cls"),
                                     std::pair("yolov8n-clss", "quench train --model yolov8n-cls ")}) {
      try {
        quench({step, name, "-o", path("no.onnx")});
        ADD_FAILURE() << step;
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::config) << step << ": " << error.what();
        EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << step << ": " << error.what();
      }
    }
  }
  try {
    quench({"scale_weights", "nothing-like-it", "-o", path("no.onnx")});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::io) << error.what();
  }
}

TEST_F(StepCommand, TrainIsTheStepTrain) {
  const std::vector<std::string> data{"--data", "shapes", "--train-limit", "64", "--test-limit", "16"};
  std::vector<std::string> words{"train", "--imgsz", "32", "--epochs", "1",           "--batch",
                                 "32",    "--seed",  "3",  "-o",       path("t.onnx")};
  words.insert(words.end(), data.begin(), data.end());
  ASSERT_EQ(quench(words), program::kOk);
  EXPECT_EQ(graph::read_model(path("t.onnx")).graph.metadata.at("chosen_on"), "none") << "as the step says in studies";
  EXPECT_TRUE(fs::exists(folder_ / "t.onnx.train/checkpoint.qckpt"));
  EXPECT_TRUE(std::ranges::any_of(messages_, [](const std::string& m) { return m.ends_with("on 16 test images"); }));
  // A file of ours is trained further; one that is quantized is refused before the data are read.
  words[words.size() - data.size() - 1] = path("u.onnx");
  words.insert(words.end(), {"--model", path("t.onnx")});
  ASSERT_EQ(quench(words), program::kOk);
  EXPECT_NE(graph::read_model(path("u.onnx")).sha256, graph::read_model(path("t.onnx")).sha256);
}

TEST_F(StepCommand, PruneReadsDataWhereItsCriterionDoes) {
  std::vector<std::string> train{"train", "--data",  "shapes",      "--train-limit", "64", "--test-limit",
                                 "16",    "--imgsz", "32",          "--epochs",      "1",  "--batch",
                                 "32",    "-o",      path("t.onnx")};
  ASSERT_EQ(quench(train), program::kOk);
  const auto prune = [&](const std::string& criterion, const std::string& data, const char* output) {
    return quench({"prune", path("t.onnx"), "--criterion", criterion, "--target-gflops", "0.7x", "--data", data,
                   "--calibration-images", "24", "-o", path(output)});
  };
  ASSERT_EQ(prune("l1", "nowhere", "l1.onnx"), program::kOk) << "no data are read";
  ASSERT_EQ(prune("taylor", "shapes", "taylor.onnx"), program::kOk);
  ASSERT_EQ(prune("taylor", "shapes", "again.onnx"), program::kOk);
  const graph::ModelFile made = graph::read_model(path("taylor.onnx"));
  EXPECT_EQ(made.sha256, graph::read_model(path("again.onnx")).sha256) << "the same twice";
  const Json told = prune::prunings(made.graph).at(0);
  EXPECT_EQ(told.at("calibration_images"), 24);
  EXPECT_EQ(told.at("calibration_seed"), 0);
  EXPECT_EQ(told.at("calibration_batch"), 8);
  EXPECT_EQ(told.at("calibration_sha256").get<std::string>().size(), 64u);
  EXPECT_FALSE(prune::prunings(graph::read_model(path("l1.onnx")).graph).at(0).contains("calibration_images"));
  EXPECT_THROW(prune("taylor", "nowhere", "no.onnx"), Error);
  EXPECT_FALSE(fs::exists(folder_ / "no.onnx"));
}

TEST_F(StepCommand, AFileKeepsItsSizeAndItsClasses) {
  const auto refused = [&](std::vector<std::string> words, const std::vector<std::string>& parts) {
    words.insert(words.end(), {"--data", "shapes", "--train-limit", "64", "--test-limit", "16", "--epochs", "1", "-o",
                               path("no.onnx")});
    const std::string command = words[0];
    try {
      quench(words);
      ADD_FAILURE() << command;
    } catch (const Error& error) {
      for (const std::string& part : parts) {
        EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << command << ": " << error.what();
      }
    }
    EXPECT_FALSE(fs::exists(folder_ / "no.onnx")) << command;
  };
  refused({"train", "--model", path("in.onnx"), "--imgsz", "64"}, {"imgsz", "in.onnx"});
  refused({"train", "--model", path("in.onnx")}, {"class"});
  refused({"finetune", path("in.onnx")}, {"class"});
  // As many classes, of other names.
  const std::vector<std::string> own = data::open("shapes", folder_).train->classes();
  std::vector<std::string> others = own;
  others.front() = "another";
  graph::save_onnx(models::build("yolov5n-cls", {.classes = others, .imgsz = 32}), folder_ / "others.onnx");
  refused({"finetune", path("others.onnx")}, {"another", own.front()});
  graph::save_onnx(models::build("yolov5n-cls", {.classes = own, .imgsz = 32}), folder_ / "own.onnx");
  refused({"finetune", path("own.onnx"), "--teacher", "original"}, {"teacher", "the very model"});
}

TEST_F(StepCommand, WhatAStepCannotTakeIsRefusedBeforeTheDataAreRead) {
  graph::Graph quantized = graph::read_model(path("in.onnx")).graph;
  const graph::EdgeId edge = quantized.nodes.front().outputs.at(0);
  quantized.edges.at(static_cast<size_t>(edge)).quant = graph::QuantParams{.scale = {0.1f}, .zero_point = {0}};
  graph::save_onnx(quantized, folder_ / "q.onnx");
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"train", "--model", path("q.onnx"), "--data", "nowhere", "-o", path("no.onnx")},
        std::vector<std::string>{"scale_weights", path("q.onnx"), "-o", path("no.onnx")}}) {
    try {
      quench(words);
      ADD_FAILURE() << words[0];
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::config) << error.what();
      EXPECT_NE(std::string(error.what()).find("expected a float model"), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace quench::cli
