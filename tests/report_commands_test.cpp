// The commands that make a record's model, and settings as flags.

#include <gtest/gtest.h>

#include "config/flags.h"
#include "config/tables.h"
#include "methods/step.h"
#include "report/make_commands.h"

namespace quench::report {
namespace {

using Lines = std::vector<std::string>;

record::Record record_of(const char* steps, const char* model = R"({"model": "yolov5n-cls", "imgsz": 64})") {
  record::Record record;
  record.task = "classify";
  record.config = {{"model", Json::parse(model)}, {"data", {{"data", "cifar100"}, {"train_limit", 0}}}};
  record.config["steps"] = Json::parse(steps);
  return record;
}

TEST(Flags, AreWhatIsNoDefault) {
  const config::OptionSet& options = config::quantize_options();
  EXPECT_EQ(config::flags(options, options.defaults()), "");
  EXPECT_EQ(
      config::flags(options, {{"bits_w", 4}, {"quantize_head", true}, {"float_layers", {"a b", "c"}}, {"unknown", 1}}),
      " --bits-w 4 --float-layers 'a b,c' --quantize-head");
  EXPECT_EQ(config::flags(config::model_options(), {{"auto_anchor", false}}), " --no-auto-anchor");
}

TEST(MakeCommands, GoOnFromOneFileToTheNext) {
  EXPECT_EQ(make_commands(record_of(R"([{"train": {"epochs": 40, "lr": 0.1}},
      {"prune": {"criterion": "fpgm", "target_gflops": "0.5x", "ratio": null}},
      {"finetune": {"epochs": 12, "teacher": "original"}}, {"quantize": {"bits_w": 4, "observer": "mse"}}, {"adaround": {}},
      {"convert": {}}])")),
            (Lines{"quench train --model yolov5n-cls --imgsz 64 --data cifar100 --epochs 40 -o 1.onnx",
                   "quench prune 1.onnx --criterion fpgm --target-gflops 0.5x -o 2.onnx",
                   "quench finetune 2.onnx --data cifar100 --epochs 12 --teacher 1.onnx -o 3.onnx",
                   "quench quantize 3.onnx --data cifar100 --bits-w 4 -o 4.onnx",
                   "quench adaround 4.onnx --data cifar100 --reference 3.onnx -o model.onnx"}));
}

TEST(MakeCommands, AModelThatIsThereIsNotTrained) {
  const char* there = R"({"model": "yolov5n-cls", "pretrained": "my base.onnx", "imgsz": 64})";
  EXPECT_EQ(make_commands(
                record_of(R"([{"train": {"epochs": 0}}, {"prune": {"criterion": "taylor", "ratio": 0.5}}])", there)),
            Lines{"quench prune 'my base.onnx' --data cifar100 --criterion taylor --ratio 0.5 -o model.onnx"});
  EXPECT_EQ(make_commands(record_of(R"([{"train": {"epochs": 0}}])", there)), Lines{});
  // Weights are read at the size of the study.
  const char* weights = R"({"model": "yolov5n", "pretrained": "best.pt", "imgsz": 320})";
  EXPECT_EQ(
      make_commands(record_of(R"([{"train": {"epochs": 0}}, {"quantize": {}}])", weights)),
      (Lines{"quench import best.pt --imgsz 320 -o 1.onnx", "quench quantize 1.onnx --data cifar100 -o model.onnx"}));
  EXPECT_EQ(make_commands(record_of(R"([{"train": {"epochs": 0}}])", weights)),
            Lines{"quench import best.pt --imgsz 320 -o model.onnx"});
}

TEST(MakeCommands, QuantizationThatTrainsIsOneCommand) {
  const Lines lines = make_commands(record_of(R"([{"train": {"epochs": 40}}, {"quantize": {"bits_w": 4}},
      {"finetune": {"epochs": 2, "lr": 0.002}}, {"convert": {}}])"));
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1],
            "quench quantize --method qat 1.onnx --data cifar100 --bits-w 4 --epochs 2 --lr 0.002 -o model.onnx");
}

TEST(MakeCommands, WhatIsNotToldHasNone) {
  EXPECT_TRUE(make_commands({}).empty());
  EXPECT_TRUE(make_commands(record_of(R"([{"unheard_of": {}}])")).empty());
  EXPECT_TRUE(make_commands(record_of(R"([])")).empty());
  EXPECT_TRUE(make_commands(record_of(R"(["prune"])")).empty());
  EXPECT_TRUE(make_commands(record_of(R"([{"train": {"epochs": "many"}}])", R"({"model": 5})")).empty());
}

}  // namespace
}  // namespace quench::report
