// Training with a teacher: what it is told, what it does to the run, how it resumes, what it refuses.
#include <gtest/gtest.h>

#include <fstream>

#include "core/error.h"
#include "core/file.h"
#include "graph/passes.h"
#include "models/spec.h"
#include "nn/graph_module.h"
#include "stopping_dataset.h"
#include "train/distill/distill_objective.h"
#include "train/distill/task_distillation.h"
#include "train/loop/checkpoint.h"
#include "train/loop/evaluation.h"
#include "train/loop/objective.h"
#include "train_samples.h"

namespace quench::train {
namespace {

void expect_config_error(const std::string& part, const std::function<void()>& run) {
  try {
    run();
    ADD_FAILURE() << "expected an error that names " << part;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::config) << error.what();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

DistillSettings settings_of(const std::string& what) { return distill_settings({{"distill", what}}, "classify"); }

/// A classifier whose last feature map is half as wide as tiny_classifier's.
graph::Graph narrow_classifier() {
  graph::samples::Builder builder(3);
  graph::EdgeId x = builder.input("images", {1, 3, 24, 24});
  graph::ConvAttributes conv;
  conv.kernel = {3, 3};
  conv.stride = {2, 2};
  conv.padding = {1, 1};
  for (int layer = 0; layer < 3; ++layer) {
    const std::string name = "model." + std::to_string(layer);
    x = builder.conv(name + ".conv", x, 8 << layer, conv);
    x = builder.batch_norm(name + ".bn", x);
    x = builder.node(name + ".act", graph::Op::silu, {x});
  }
  x = builder.node("pool", graph::Op::global_avg_pool, {x});
  x = builder.node("flat", graph::Op::flatten, {x});
  builder.output(builder.linear("model.3.linear", x, 10));
  return builder.graph;
}

TEST(DistillSettings, WhatIsNotGivenHasItsDefault) {
  const Json classify = distill_settings(Json::object(), "classify").to_json();
  EXPECT_EQ(classify, (Json{{"distill", "logits"}, {"distill_weight", 1.0}, {"output_temperature", 4.0}}));
  EXPECT_EQ(distill_settings(Json::object(), "detect").output_temperature, 1);
  const Json both =
      distill_settings({{"distill", "both"}, {"distill_temperature", 2.0}, {"distill_weight", 0.5}}, "detect")
          .to_json();
  EXPECT_EQ(
      both,
      (Json{{"distill", "both"}, {"distill_weight", 0.5}, {"output_temperature", 2.0}, {"map_temperature", 2.0}}));
}

TEST(Distill, AModelThatIsItsTeacherLearnsNothingFromIt) {
  const graph::Graph graph = samples::tiny_classifier(24, 10);
  const data::Splits data = samples::tiny_shapes();
  const data::Batch batch = samples::first_batch(data.train, 8);
  const FitSettings settings = parse_settings(samples::tiny_config(), graph);
  for (const char* what : {"logits", "features", "both"}) {
    nn::GraphModule module(graph);  // in evaluation mode, as the teacher is
    const auto objective = distilled(graph, settings_of(what))(graph, data, settings);
    const auto values = module.forward(pixels_of(batch.images, torch::kCPU), objective->watched());
    const torch::Tensor own = make_objective(graph, data, settings)->loss({values[0]}, batch);
    const torch::Tensor with = objective->loss(values, batch);
    EXPECT_EQ(with.item<float>(), own.item<float>()) << what;
    EXPECT_TRUE(objective->parameters().empty()) << "maps alike need no adapter";
    (with - own).backward();
    for (const auto& [name, parameter] : module.parameters()) {
      ASSERT_TRUE(parameter.grad().defined()) << name;
      EXPECT_LT(parameter.grad().abs().max().item<float>(), 1e-5F) << what << " " << name;  // rounding of the two
    }
  }
}

TEST(Distill, ATeacherIsFollowed) {
  // No label tells anything (all the same loss): weight 100, so that what is learned is the teacher's.
  const data::Splits data = samples::tiny_stripes(400, 100);
  Json config = samples::tiny_config();
  config["mixup"] = 0.0;
  config["ema"] = false;
  const graph::Graph start = samples::tiny_classifier(24, 10, 1), teacher = samples::tiny_classifier(24, 10, 2);
  const auto distance = [&](const graph::Graph& graph) {
    nn::GraphModule a(graph), b(teacher);
    const torch::NoGradGuard no_gradient;
    const data::Batch batch = samples::first_batch(data.test, 100);
    const torch::Tensor x = pixels_of(batch.images, torch::kCPU);
    return (a.forward(x)[0].softmax(1) - b.forward(x)[0].softmax(1)).abs().sum(1).mean().item<float>();
  };
  const auto trained = [&](bool with) {
    const samples::Folder folder;
    FitContext context;
    context.folder = folder.path();
    if (with) context.objective = distilled(teacher, distill_settings({{"distill_weight", 100.0}}, "classify"));
    Json used = config;
    used["lr"] = with ? 0.002 : 0.05;
    return fit(start, data, used, context).graph;
  };
  EXPECT_LT(distance(trained(true)), 0.5F * distance(start));
  EXPECT_GT(distance(trained(false)), distance(trained(true)));
}

TEST(Distill, ResumesExactlyWithAdapters) {
  const graph::Graph start = narrow_classifier(), teacher = samples::tiny_classifier(24, 10);
  const Json config = samples::tiny_config();
  const samples::Folder folder;
  FitContext context;
  context.folder = folder.path();
  context.objective = distilled(teacher, settings_of("both"));
  context.also = {{"teacher_sha256", "a"}};
  context.resume = Resume::never;
  const graph::Graph wanted = fit(start, samples::tiny_shapes(), config, context).graph;
  const Checkpoint whole = load_checkpoint(folder.path() / "checkpoint.qckpt");
  EXPECT_EQ(whole.tensors.at("objective/adapter.0.weight").shape(), (Shape{64, 32, 1, 1}));
  EXPECT_TRUE(whole.tensors.contains("momentum/objective/adapter.0.bias"));
  for (const auto& [name, weight] : wanted.weights) EXPECT_EQ(name.find("adapter"), std::string::npos) << name;
  EXPECT_EQ(wanted.nodes.size(), start.nodes.size()) << "adapters are thrown away";

  std::filesystem::remove_all(folder.path());
  CancelToken cancel;
  data::Splits data = samples::tiny_shapes();
  data.train = std::make_shared<samples::StoppingDataset>(data.train, cancel, 13 * 40);
  context.resume = Resume::or_fail;
  context.cancel = &cancel;
  EXPECT_THROW(fit(start, data, config, context), Error);
  context.cancel = nullptr;
  ASSERT_LT(load_checkpoint(folder.path() / "checkpoint.qckpt").epoch, 3);
  EXPECT_TRUE(fit(start, samples::tiny_shapes(), config, context).graph == wanted);
  context.also = {{"teacher_sha256", "b"}};
  expect_config_error("`teacher_sha256` was", [&] { fit(start, samples::tiny_shapes(), config, context); });
}

TEST(Distill, RefusesATeacherThatDoesNotFit) {
  const auto make = [](const graph::Graph& student, const graph::Graph& teacher, const data::Splits& data,
                       const std::string& what = "logits") {
    distilled(teacher, settings_of(what))(student, data, parse_settings({{"threads", 1}}, student));
  };
  const graph::Graph start = samples::tiny_classifier(24, 10);
  const data::Splits shapes = samples::tiny_shapes();
  expect_config_error("10 classes", [&] { make(start, samples::tiny_classifier(24, 7), shapes); });
  expect_config_error("inputs [1,3,24,24]", [&] { make(start, samples::tiny_classifier(32, 10), shapes); });
  graph::Graph named = samples::tiny_classifier(24, 10);
  named.metadata["classes"] = R"(["q","r","s","t","u","v","w","x","y","z"])";
  expect_config_error("does not fit the data", [&] { make(start, named, shapes); });
  const graph::Graph detector = models::build("yolov8n", {.classes = {"a", "b"}, .imgsz = 32});
  expect_config_error("for the task 'classify'", [&] { make(start, detector, shapes); });
}

TEST(Distill, DetectorsOfOneHeadAndOneStride) {
  const auto compare = [](const graph::Graph& student, const graph::Graph& teacher, const std::string& what) {
    make_task_distillation(student, teacher, distill_settings({{"distill", what}}, "detect"),
                           parse_settings({{"threads", 1}}, student));
  };
  const models::BuildOptions two{.classes = {"a", "b"}, .imgsz = 64};
  const graph::Graph v8 = models::build("yolov8n", two), v5 = models::build("yolov5n", two);
  compare(v8, models::build("yolov8s", two), "both");
  compare(v8, v5, "features");
  expect_config_error("anchors and bins", [&] { compare(v8, v5, "both"); });
  expect_config_error("2 classes",
                      [&] { compare(v8, models::build("yolov8n", {.classes = {"a"}, .imgsz = 64}), "both"); });
  expect_config_error("inputs [1,3,64,64]", [&] {
    compare(v8, models::build("yolov8n", {.classes = {"a", "b"}, .imgsz = 96}), "both");
  });
  graph::Graph other = v8;
  other.metadata["strides"] = "[4,8,16]";
  EXPECT_THROW(compare(v8, other, "both"), Error);
}

}  // namespace
}  // namespace quench::train
