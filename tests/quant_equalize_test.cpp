// Cross-layer equalization: the function stays, ranges become equal, and what silu parts is left alone.
#include <gtest/gtest.h>
#include <torch/types.h>

#include "error_testing.h"
#include "models/spec.h"
#include "nn/graph_module.h"
#include "quant/equalize.h"
#include "quant_refine_testing.h"

namespace quench::quant {
namespace {

using graph::Op;

/// conv1 -> relu -> pool -> conv2 (channels of conv1 of very different size) -> conv3 (nothing between) -> relu ->
/// gap -> flat -> fc; and conv4, which reads conv3 too, so that conv3 and what follows it are no pair.
graph::Graph unequal(bool shared = false, graph::Activation activation = graph::Activation::none) {
  GraphSketch s;
  const auto a = s.conv("conv1", s.image(), 3, 8, 3, activation);
  const auto b = activation == graph::Activation::none ? s.op("relu1", Op::relu, {a}) : a;
  const auto p = s.op("pool", Op::max_pool, {b}, graph::PoolAttributes{{3, 3}, {1, 1}, {1, 1}});
  const auto c = s.conv("conv2", p, 8, 6);
  const auto d = s.conv("conv3", c, 6, 8, 1, graph::Activation::relu);
  const auto g = s.op("gap", Op::global_avg_pool, {d});
  const auto h = s.op("flat", Op::flatten, {g});
  const auto y = s.linear("fc", h, 8, 5);
  // The same function with channels of conv1 of very different size, as folding batch norms makes them.
  const auto size = [](size_t channel) { return std::pow(4.0f, static_cast<float>(channel % 4)); };
  const auto values = [&](const char* name) { return s.graph.weights.at(name).value.mutable_values<float>(); };
  const auto w1 = values("conv1.weight"), b1 = values("conv1.bias"), w2 = values("conv2.weight");
  for (size_t i = 0; i < w1.size(); ++i) w1[i] *= size(i / 27);
  for (size_t i = 0; i < b1.size(); ++i) b1[i] *= size(i);
  for (size_t i = 0; i < w2.size(); ++i) w2[i] /= size(i / 9 % 8);
  if (!shared) return s.done({y});
  return s.done({y, s.conv("conv4", d, 8, 4)});
}

torch::Tensor output(const graph::Graph& graph) {
  const torch::NoGradGuard no_gradient;
  nn::GraphModule module(graph);
  return module.forward(nn::to_torch(noise_batches(16)[0]).permute({0, 3, 1, 2}))[0];
}

/// Largest |w| of each output channel of one layer, or input channel of the other.
torch::Tensor range(const graph::Graph& graph, const char* name, int64_t axis) {
  torch::Tensor w = nn::to_torch(graph.weights.at(std::string(name) + ".weight").value).abs();
  return w.transpose(0, axis).flatten(1).amax(1);
}

TEST(Equalize, TheFunctionStaysAndRangesBecomeEqual) {
  const graph::Graph before = unequal();
  const Equalized made = equalize(before);
  ASSERT_EQ(made.pairs.size(), 3u);
  EXPECT_EQ(made.pairs[0].first, "conv1");
  EXPECT_EQ(made.pairs[0].second, "conv2");
  EXPECT_EQ(made.pairs[2].second, "fc");
  const torch::Tensor y = output(before), z = output(made.graph);
  EXPECT_LT((z - y).abs().max().item<double>(), 1e-5 * y.abs().max().item<double>());
  const std::pair<const char*, const char*> pairs[] = {{"conv1", "conv2"}, {"conv2", "conv3"}, {"conv3", "fc"}};
  for (const auto& [first, second] : pairs) {
    const torch::Tensor r1 = range(made.graph, first, 0), r2 = range(made.graph, second, 1);
    EXPECT_LT((r1 - r2).abs().div(r1).max().item<double>(), 5e-3) << first;  // settled to 1e-3 in each round
  }
  EXPECT_GT(made.pairs[0].after, 1.5 * made.pairs[0].before);
}

TEST(Equalize, OneScaleATensorThenLosesLess) {
  const graph::Graph before = unequal(), after = equalize(before).graph;
  const auto error = [](const graph::Graph& graph) {
    const torch::Tensor y = output(graph);
    const torch::Tensor q = output(prepared_graph(graph, {{"weights", "per_tensor"}, {"bits_w", 6}}));
    return (q - y).square().mean().item<double>();
  };
  EXPECT_LT(error(after), 0.5 * error(before));
}

TEST(Equalize, WhatTwoReadOrASiluPartsStays) {
  const Equalized shared = equalize(unequal(true));
  ASSERT_EQ(shared.pairs.size(), 2u);  // conv3 is read by gap and conv4
  EXPECT_EQ(shared.pairs[1].second, "conv3");
  const Equalized parted = equalize(unequal(false, graph::Activation::silu));
  EXPECT_EQ(parted.pairs.size(), 2u);
  EXPECT_EQ(parted.left, std::vector<std::string>{"conv1 -> conv2"});
  const graph::Graph yolo = models::build("yolov5n-cls", {.classes = {"a", "b"}, .imgsz = 32});
  const Equalized made = equalize(yolo);
  EXPECT_TRUE(made.pairs.empty()) << "all of YOLO's pairs have a silu between";
  EXPECT_GT(made.left.size(), 5u);
}

TEST(Equalize, DeadChannelsAndGroupsAreKept) {
  GraphSketch s;
  const auto a = s.conv("conv1", s.image(), 3, 4);
  const auto b = s.op("relu", Op::relu, {a});
  const auto c = s.conv("depth", b, 1, 4);
  s.graph.nodes.back().attributes = graph::ConvAttributes{{3, 3}, {1, 1}, {1, 1}, {1, 1}, 4};
  graph::Graph model = s.done({s.conv("conv3", c, 4, 2)});
  auto w = model.weights.at("conv1.weight").value.mutable_values<float>();
  for (size_t i = 0; i < 27; ++i) w[i] = 0;
  const Equalized made = equalize(model);
  EXPECT_EQ(made.pairs.size(), 2u);
  const torch::Tensor y = output(model), z = output(made.graph);
  EXPECT_LT((z - y).abs().max().item<double>(), 1e-5 * y.abs().max().item<double>());
  EXPECT_EQ(error_of([&] { equalize(prepared_graph(model)); }).first, ErrorKind::config);
}

}  // namespace
}  // namespace quench::quant
