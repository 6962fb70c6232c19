// Layer errors, the walk that AdaRound and bias correction stand on, and bias correction itself.
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>

#include "error_testing.h"
#include "graph/passes.h"
#include "nn/graph_module.h"
#include "quant/bias_correction.h"
#include "quant/float_twin.h"
#include "quant/float_weights.h"
#include "quant/image_batches.h"
#include "quant/layer_errors.h"
#include "quant/layer_walk.h"
#include "quant_refine_testing.h"

namespace quench::quant {
namespace {

/// Of every edge, over all images, by the module that trains and evaluates.
std::map<graph::EdgeId, torch::Tensor> values_of(const graph::Graph& graph, const std::vector<Tensor>& images) {
  const torch::NoGradGuard no_gradient;
  std::map<graph::EdgeId, std::vector<torch::Tensor>> parts;
  nn::GraphModule module(graph);
  module.set_edge_hook([&](graph::EdgeId edge, const torch::Tensor& value) { parts[edge].push_back(value.clone()); });
  for (const Tensor& batch : images) module.forward(nn::to_torch(batch).permute({0, 3, 1, 2}));
  std::map<graph::EdgeId, torch::Tensor> out;
  for (const auto& [edge, part] : parts) out[edge] = torch::cat(part);
  return out;
}

torch::Tensor channel_mean(const torch::Tensor& x) {
  const torch::Tensor wide = x.to(torch::kDouble);
  return x.dim() == 4 ? wide.mean({0, 2, 3}) : wide.mean(0);
}

TEST(LayerWalk, GivesEachLayerWhatTheModelGivesIt) {
  for (const char* target : {"native", "onnxruntime", "tensorrt"}) {
    graph::Graph graph = prepared_graph(branched_graph(), {{"target", target}});
    const std::vector<Tensor> images = noise_batches();
    const auto expected = values_of(graph, images);
    LayerWalk walk(graph, images);
    int layers = 0;
    walk.run(
        [&](const graph::Node& node) {
          ++layers;
          std::vector<torch::Tensor> inputs;
          for (size_t batch = 0; batch < walk.batches(); ++batch) inputs.push_back(walk.input(node, batch));
          const torch::Tensor& own = expected.at(node.inputs[0]);
          EXPECT_LT((torch::cat(inputs) - own).abs().max().item<double>(), 1e-6 * own.abs().max().item<double>())
              << target << " " << node.name;
        },
        CancelToken{});
    EXPECT_EQ(layers, 5);
  }
}

TEST(LayerWalk, WhatFollowsSeesAChange) {
  graph::Graph graph = prepared_graph(branched_graph());
  const std::vector<Tensor> images = noise_batches(16);
  LayerWalk walk(graph, images);
  bool zero = false;
  walk.run(
      [&](const graph::Node& node) {
        if (node.name == "fc") zero = walk.input(node, 0).abs().max().item<float>() < 1e-6f;
        if (node.name == "fc") return;
        for (const char* role : {"weight", "bias"}) {
          for (float& w : graph.weight(node, role)->value.mutable_values<float>()) w = 0;
        }
      },
      CancelToken{});
  EXPECT_TRUE(zero);
}

TEST(ImagesToKeep, AreFewerWhereTheyAreLarge) {
  EXPECT_EQ(images_to_keep(300, 640, 1024), 300);
  EXPECT_EQ(images_to_keep(0, 64, 1024), 1024);
  EXPECT_EQ(images_to_keep(0, 640, 1024), 128);
  EXPECT_EQ(images_to_keep(0, 1280, 512), 32);
}

TEST(FloatTwin, IsTheFloatModelInTheQuantizedOnesForm) {
  const graph::Graph model = branched_graph();
  for (const char* target : {"native", "onnxruntime"}) {
    const graph::Graph quantized = prepared_graph(model, {{"target", target}});
    const std::vector<Tensor> images = noise_batches(16);
    const auto expected = values_of(model, images), found = values_of(float_twin(convert(quantized), model), images);
    const torch::Tensor& y = expected.at(model.outputs[0]);
    EXPECT_LT((found.at(quantized.outputs[0]) - y).abs().max().item<double>(), 1e-5 * y.abs().max().item<double>());
  }
  const graph::Graph quantized = prepared_graph(model);
  graph::Graph other = model;
  other.weights.at("conv2.weight").value = Tensor(DType::f32, {8, 8, 1, 1});
  EXPECT_EQ(error_of([&] { float_twin(quantized, other); }).first, ErrorKind::config);
  EXPECT_NE(error_of([&] { float_twin(quantized, quantized); }).second.find("quantized one"), std::string::npos);
}

TEST(LayerErrors, AreThoseOfTheValuesThemselves) {
  const graph::Graph model = branched_graph();
  const graph::Graph quantized = prepared_graph(model, {{"float_layers", Json::array({"conv4"})}, {"bits_w", 4}});
  const graph::Graph twin = float_twin(quantized, model);
  const std::vector<Tensor> images = noise_batches();
  const auto expected = values_of(twin, images), found = values_of(quantized, images);
  const std::vector<LayerError> errors = layer_errors(quantized, twin, images, CancelToken{});
  ASSERT_EQ(errors.size(), 5u);
  for (const LayerError& error : errors) {
    const torch::Tensor y = expected.at(error.output).to(torch::kDouble);
    const torch::Tensor noise = found.at(error.output).to(torch::kDouble) - y;
    const double all = noise.square().sum().item<double>();
    EXPECT_NEAR(error.sqnr_db, 10 * std::log10(y.square().sum().item<double>() / all), 1e-3) << error.layer;
    const torch::Tensor shift = channel_mean(noise).square();
    EXPECT_NEAR(error.bias_share, (shift.sum() * (noise.numel() / noise.size(1))).item<double>() / all, 1e-4);
    EXPECT_EQ(error.quantized, error.layer != "conv4");
    EXPECT_GE(error.weights_db, error.own_db - 0.5) << error.layer;  // a part is no worse than the whole
    EXPECT_GE(error.activations_db, error.own_db - 0.5) << error.layer;
    if (error.quantized) {
      EXPECT_GT(error.activations_db, error.weights_db) << "8 bits are finer than 4";
    }
  }
  EXPECT_NEAR(errors[0].sqnr_db, errors[0].own_db, 1e-6) << "nothing stands before the first layer";
  EXPECT_GT(errors[3].own_db, 20) << "conv4 is in float: only its input is rounded";
  for (const LayerError& none : layer_errors(twin, twin, images, CancelToken{})) EXPECT_TRUE(std::isinf(none.sqnr_db));
}

TEST(BiasCorrection, ByImagesMeansAreTheFloatOnes) {
  const graph::Graph model = branched_graph();
  const graph::Graph quantized = prepared_graph(model, {{"bits_w", 2}});
  const graph::Graph twin = float_twin(quantized, model);
  const std::vector<Tensor> images = noise_batches();
  const BiasCorrection made = correct_bias_by_images(quantized, twin, images, {}, CancelToken{});
  EXPECT_EQ(made.layers, 5);
  EXPECT_GT(made.largest, 1);
  const auto expected = values_of(twin, images);
  // The outputs before they are rounded: without their own quantizers.
  double worst = 0, before = 0;
  for (const graph::Node& node : quantized.nodes) {
    if (!quantized.weight(node, "weight")) continue;
    const torch::Tensor mean = channel_mean(expected.at(node.outputs[0]));
    for (const bool corrected : {false, true}) {
      graph::Graph bare = corrected ? made.graph : quantized;
      bare.edge(node.outputs[0]).quant.reset();
      const double away = (channel_mean(values_of(bare, images).at(node.outputs[0])) - mean).abs().max().item<double>();
      double& most = corrected ? worst : before;
      most = std::max(most, away);
    }
  }
  EXPECT_GT(before, 0.01);
  EXPECT_LT(worst, 1e-5);
}

TEST(BiasCorrection, ALayerWithoutBiasGetsOne) {
  graph::Graph model = branched_graph();
  model.weights.erase("conv2.bias");
  const graph::Graph quantized = prepared_graph(model, {{"bits_w", 2}});
  const std::vector<Tensor> images = noise_batches(16);
  const BiasCorrection made =
      correct_bias_by_images(quantized, float_twin(quantized, model), images, {}, CancelToken{});
  EXPECT_TRUE(made.graph.weights.contains("conv2.bias"));
  EXPECT_NO_THROW(convert(made.graph));
}

/// conv, batch norm, activation, conv of kernel 1.
graph::Graph normed_pair(graph::Op activation, int64_t channels = 6) {
  GraphSketch s;
  const auto a = s.conv("conv1", s.image(), 3, channels);
  const auto b = s.op("bn", graph::Op::batch_norm, {a}, graph::BatchNormAttributes{});
  Rng rng(5, "bn");
  for (const char* role : {"weight", "bias", "running_mean", "running_var"}) {
    std::vector<float> values(static_cast<size_t>(channels));
    const bool positive = role == std::string_view("running_var");
    for (float& v : values) v = static_cast<float>(positive ? rng.uniform(0.3, 1) : rng.uniform(-1, 1));
    s.graph.weights["bn." + std::string(role)] = {Tensor::from(values, {channels}), std::nullopt};
  }
  const auto c = s.op("act", activation, {b});
  const auto d = s.conv("conv2", c, channels, 4, 1);
  return s.done({d});
}

TEST(ChannelMeans, AreThoseOfNormalVariables) {
  for (const graph::Op op : {graph::Op::relu, graph::Op::silu, graph::Op::sigmoid}) {
    const graph::Graph model = normed_pair(op);
    const auto means = channel_means(model);
    const auto gamma = model.weights.at("bn.weight").value.values<float>();
    const auto beta = model.weights.at("bn.bias").value.values<float>();
    torch::manual_seed(3);
    const torch::Tensor z = torch::randn({1000000}, torch::kDouble);
    const auto& found = means.at(edge_named(model, "act.out"));
    for (size_t c = 0; c < found.size(); ++c) {
      const torch::Tensor x = z * std::abs(gamma[c]) + beta[c];
      const torch::Tensor y = op == graph::Op::relu ? x.relu() : op == graph::Op::silu ? x * x.sigmoid() : x.sigmoid();
      EXPECT_NEAR(found[c], y.mean().item<double>(), 0.005);  // a million draws: 5 standard errors
    }
    EXPECT_TRUE(std::isnan(means.at(model.inputs[0])[0]));
    const torch::Tensor w = nn::to_torch(model.weights.at("conv2.weight").value).view({4, -1}).to(torch::kDouble);
    const torch::Tensor b = nn::to_torch(model.weights.at("conv2.bias").value).to(torch::kDouble);
    const torch::Tensor expected = w.mv(torch::tensor(found, torch::kDouble)) + b;
    for (int64_t o = 0; o < 4; ++o) {
      EXPECT_NEAR(means.at(model.outputs[0])[static_cast<size_t>(o)], expected[o].item<double>(), 1e-9);
    }
  }
}

TEST(BiasCorrection, ByStatisticsItIsWhatTheWeightsErrorMakesOfTheMeans) {
  const graph::Graph model = normed_pair(graph::Op::silu);
  const graph::Graph quantized = prepared_graph(model, {{"bits_w", 2}, {"quantize_head", true}});
  const BiasCorrection made = correct_bias_by_statistics(quantized, model);
  EXPECT_EQ(made.layers, 1) << "the image's means are not known";
  const auto bias = [](const graph::Graph& graph, const char* name) {
    return nn::to_torch(graph.weights.at(name).value).to(torch::kDouble);
  };
  EXPECT_TRUE(bias(made.graph, "conv1.bias").equal(bias(quantized, "conv1.bias")));
  const torch::Tensor rounded =
      nn::to_torch(with_float_weights(convert(quantized)).weights.at("conv2.weight").value).to(torch::kDouble);
  const torch::Tensor error = rounded - nn::to_torch(model.weights.at("conv2.weight").value);
  const torch::Tensor mean = torch::tensor(channel_means(model).at(edge_named(model, "act.out")), torch::kDouble);
  const torch::Tensor expected = bias(quantized, "conv2.bias") - error.view({4, -1}).mv(mean);
  EXPECT_LT((bias(made.graph, "conv2.bias") - expected).abs().max().item<double>(), 1e-6);
  EXPECT_GT((bias(made.graph, "conv2.bias") - bias(quantized, "conv2.bias")).abs().max().item<double>(), 1e-3);
  const auto [kind, text] = error_of([&] { correct_bias_by_statistics(quantized, graph::fold_batch_norms(model)); });
  EXPECT_EQ(kind, ErrorKind::config);
  EXPECT_NE(text.find("empirical"), std::string::npos);
}

}  // namespace
}  // namespace quench::quant
