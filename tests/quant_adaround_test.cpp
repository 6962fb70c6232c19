// AdaRound: its gradient by finite differences, its choice beside all choices of a small layer, what it samples, and
// that the integers it chose are what is written, read and run.
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <limits>

#include "core/hash.h"
#include "data/loading/loader.h"
#include "error_testing.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"
#include "graph/quantized.h"
#include "nn/graph_module.h"
#include "nn/torch_runtime.h"
#include "quant/adaround.h"
#include "quant/float_twin.h"
#include "quant/float_weights.h"
#include "quant/layer_errors.h"
#include "quant/layer_samples.h"
#include "quant/learned_rounding.h"
#include "quant/original_weights.h"
#include "quant_refine_testing.h"
#include "runtime/native/native.h"

namespace quench::quant {
namespace {

using torch::Tensor;

RoundingLayer small_layer(int64_t groups, int64_t outputs, int64_t inputs, graph::Activation activation, int bits) {
  const int64_t q = (1 << (bits - 1)) - 1;
  const Tensor weight = torch::randn({groups, outputs, inputs});
  return {weight, weight.abs().amax(2, true) / q, torch::randn({groups, 1, outputs}) * 0.3, -q, q, {}, activation};
}

/// The same with uneven levels, the largest weight of a channel being beyond the last one.
RoundingLayer with_levels(RoundingLayer layer) {
  layer.levels = {-9, -4, -2, 0, 1, 5, 12};
  layer.q_max = 12;
  layer.q_min = -12;
  layer.scale = layer.weight.abs().amax(2, true) / 13;
  return layer;
}

/// Mean squared error of the whole numbers `steps`.
double error_of_steps(const RoundingLayer& layer, const Tensor& x, const Tensor& target, const Tensor& steps) {
  Tensor y = torch::matmul(x, (steps * layer.scale).transpose(1, 2)) + layer.bias;
  if (layer.activation == graph::Activation::silu) y = torch::silu(y);
  if (layer.activation == graph::Activation::relu) y = torch::relu(y);
  return (y - target).square().sum().item<double>() / static_cast<double>(x.size(1));
}

TEST(RoundingLoss, GradientsAreThoseOfFiniteDifferences) {
  torch::manual_seed(1);
  for (const auto activation : {graph::Activation::none, graph::Activation::silu, graph::Activation::relu}) {
    RoundingLayer layer = small_layer(2, 3, 5, activation, 4);
    if (activation != graph::Activation::relu) layer = with_levels(std::move(layer));
    // In double, so that differences are exact enough; the arithmetic is the same.
    for (Tensor* t : {&layer.weight, &layer.scale, &layer.bias}) *t = t->to(torch::kDouble);
    const Tensor x = torch::randn({2, 40, 5}, torch::kDouble), target = torch::randn({2, 40, 3}, torch::kDouble);
    const Tensor v = initial_variables(layer) + 0.3 * torch::randn({2, 3, 5}, torch::kDouble);
    Tensor gradient;
    rounding_loss(layer, x, target, v, 0.02, 3.5, &gradient);
    double most = 0;
    for (int64_t i = 0; i < v.numel(); ++i) {
      constexpr double kStep = 1e-5;
      const auto at = [&](double away) {
        Tensor moved = v.clone();
        moved.view({-1})[i] += away;
        return rounding_loss(layer, x, target, moved, 0.02, 3.5, nullptr);
      };
      const double slope = (at(kStep) - at(-kStep)) / (2 * kStep);
      EXPECT_NEAR(gradient.view({-1})[i].item<double>(), slope, 1e-6 + 1e-4 * std::abs(slope)) << i;
      most = std::max(most, std::abs(slope));
    }
    EXPECT_GT(most, 0.01);
  }
}

TEST(RoundingLoss, BeginsAtTheWeightsThemselves) {
  torch::manual_seed(2);
  const RoundingLayer layer = small_layer(1, 4, 6, graph::Activation::none, 4);
  const Tensor x = torch::randn({1, 50, 6});
  const Tensor target = torch::matmul(x, layer.weight.transpose(1, 2)) + layer.bias;
  EXPECT_LT(rounding_loss(layer, x, target, initial_variables(layer), 0, 20, nullptr), 1e-8);
}

TEST(AdaRound, OfSixWeightsItFindsTheBestOfAllRoundings) {
  int hits = 0;
  double best_sum = 0, found_sum = 0, nearest_sum = 0;
  for (int trial = 0; trial < 40; ++trial) {
    torch::manual_seed(100 + trial);
    const auto activation = trial % 2 == 0 ? graph::Activation::silu : graph::Activation::none;
    const RoundingLayer layer = small_layer(1, 1, 6, activation, 3);
    const Tensor mix = torch::randn({6, 6});  // correlated inputs: there nearest is far from the best
    const Tensor x = torch::matmul(torch::randn({1, 200, 6}), mix);
    Tensor target = torch::matmul(x, layer.weight.transpose(1, 2)) + layer.bias;
    if (activation == graph::Activation::silu) target = torch::silu(target);
    const Tensor floor = (layer.weight / layer.scale).floor();
    double best = 1e30;
    for (int choice = 0; choice < 64; ++choice) {
      Tensor steps = floor.clone();
      for (int64_t i = 0; i < 6; ++i) steps[0][0][i] += (choice >> i) & 1;
      best = std::min(best, error_of_steps(layer, x, target, steps.clamp(layer.q_min, layer.q_max)));
    }
    const Rounded found = learn_rounding(layer, x, target, {.iterations = 800, .batch = 200}, CancelToken{});
    EXPECT_NEAR(found.error, error_of_steps(layer, x, target, found.steps), 1e-4 * found.error + 1e-9);
    hits += found.error <= 1.0001 * best;
    EXPECT_LE(found.error, found.nearest_error);
    best_sum += best;
    found_sum += found.error;
    nearest_sum += found.nearest_error;
  }
  EXPECT_LT(found_sum, 1.4 * best_sum);
  EXPECT_GE(hits, 20) << "the very best of 64";
  EXPECT_GT(nearest_sum, 2 * best_sum) << "nearest would not do";
}

TEST(AdaRound, ZerosStayAndStepsAreNeighbours) {
  torch::manual_seed(4);
  RoundingLayer layer = small_layer(1, 8, 30, graph::Activation::silu, 4);
  layer.weight.masked_fill_(torch::rand_like(layer.weight).lt(0.5), 0);
  const Tensor x = torch::matmul(torch::randn({1, 500, 30}), torch::randn({30, 30}));
  const Tensor target = torch::silu(torch::matmul(x, layer.weight.transpose(1, 2)) + layer.bias);
  const Rounded found = learn_rounding(layer, x, target, {.iterations = 300, .batch = 64}, CancelToken{});
  EXPECT_EQ(found.steps.masked_select(layer.weight.eq(0)).abs().max().item<float>(), 0);
  EXPECT_LE((found.steps - layer.weight / layer.scale).abs().max().item<float>(), 1.0001f);
  EXPECT_GT(found.flipped, 0.005);
  EXPECT_LT(found.error, found.nearest_error);
  const Rounded again = learn_rounding(layer, x, target, {.iterations = 300, .batch = 64}, CancelToken{});
  EXPECT_TRUE(found.steps.equal(again.steps));
}

TEST(AdaRound, LevelsAreRoundedToTheirNeighbours) {
  double best_sum = 0, found_sum = 0, nearest_sum = 0;
  for (int trial = 0; trial < 20; ++trial) {
    torch::manual_seed(300 + trial);
    RoundingLayer layer = with_levels(small_layer(1, 1, 6, graph::Activation::silu, 3));
    layer.weight[0][0][3] = 0;
    const Tensor x = torch::matmul(torch::randn({1, 200, 6}), torch::randn({6, 6}));
    const Tensor target = torch::silu(torch::matmul(x, layer.weight.transpose(1, 2)) + layer.bias);
    const Tensor v = layer.weight / layer.scale;
    Tensor down = torch::full_like(v, -9), up = torch::full_like(v, 12);
    for (const int8_t level : layer.levels) {
      down = torch::where(v.ge(level), torch::full_like(v, level), down);
      up = torch::where(v.le(level).logical_and(up.gt(level)), torch::full_like(v, level), up);
    }
    up = torch::where(v.lt(-9), torch::full_like(v, -9), up);
    double best = 1e30;
    for (int choice = 0; choice < 64; ++choice) {
      Tensor steps = down.clone();
      for (int64_t i = 0; i < 6; ++i) {
        if ((choice >> i) & 1) steps[0][0][i] = up[0][0][i];
      }
      best = std::min(best, error_of_steps(layer, x, target, steps));
    }
    const Rounded found = learn_rounding(layer, x, target, {.iterations = 800, .batch = 200}, CancelToken{});
    EXPECT_TRUE(found.steps.eq(down).logical_or(found.steps.eq(up)).all().item<bool>());
    EXPECT_EQ(found.steps[0][0][3].item<float>(), 0);
    EXPECT_NEAR(found.error, error_of_steps(layer, x, target, found.steps), 1e-4 * found.error + 1e-9);
    EXPECT_GE(found.error, 0.999 * best);
    best_sum += best;
    found_sum += found.error;
    nearest_sum += found.nearest_error;
  }
  EXPECT_LT(found_sum, 1.4 * best_sum);
  EXPECT_GT(nearest_sum, 1.3 * best_sum) << "nearest would not do";
}

TEST(LayerSamples, ProductsOfPatchesAreTheConvolution) {
  struct Case {
    int64_t kernel, stride, padding, dilation, groups;
  };
  for (const Case& c : {Case{3, 1, 1, 1, 1}, {3, 2, 1, 1, 2}, {1, 1, 0, 1, 1}, {3, 1, 2, 2, 4}, {5, 2, 0, 1, 1}}) {
    GraphSketch sketch(12);
    sketch.conv("first", sketch.image(), 3, 8);
    const auto y = sketch.conv("conv", sketch.graph.nodes.back().outputs[0], 8 / c.groups, 8, c.kernel);
    sketch.graph.nodes.back().attributes = graph::ConvAttributes{
        {c.kernel, c.kernel}, {c.stride, c.stride}, {c.padding, c.padding}, {c.dilation, c.dilation}, c.groups};
    const graph::Graph graph = sketch.done({y});
    const graph::Node& node = node_named(graph, "conv");
    const LayerShape shape = layer_shape(graph, node);
    EXPECT_EQ(shape.groups, c.groups);
    torch::manual_seed(7);
    const Tensor x = torch::randn({5, 8, 12, 12});
    const Tensor weight = nn::to_torch(graph.weights.at("conv.weight").value);
    const Tensor value = torch::conv2d(x, weight, {}, c.stride, c.padding, c.dilation, c.groups);
    const SamplePlaces places(graph, node, 5, 100, 3);
    const Tensor at = places.of(0, 5);
    EXPECT_EQ(at.numel(), places.count());
    const Tensor expected = outputs_at(value, at, shape);
    const Tensor patches = patches_at(x, node, at, graph.edge(node.outputs[0]).shape, shape);
    const Tensor found =
        torch::matmul(patches, weight.view({shape.groups, shape.outputs, shape.inputs}).transpose(1, 2));
    EXPECT_LT((found - expected).abs().max().item<float>(), 1e-4f);
    // Distinct places, and the same ones whatever the batches.
    EXPECT_EQ(std::get<0>(torch::_unique(at)).numel(), at.numel());
    const int64_t area = value.size(2) * value.size(3);
    EXPECT_TRUE(torch::cat({places.of(0, 2), places.of(2, 3) + 2 * area}).equal(at));
  }
}

Json adaround_settings(int iterations = 300) {
  Json settings = config::adaround_options().defaults();
  settings["iterations"] = iterations;
  settings["batch"] = 256;
  return settings;
}

graph::ModelFile file_of(const graph::Graph& graph) {
  graph::ModelFile file{"memory.onnx", "", "", graph};
  file.bytes = graph::write_onnx(file.graph);
  file.sha256 = sha256_hex(file.bytes);
  file.graph = graph::read_onnx(file.bytes, "memory.onnx");
  return file;
}

TEST(AdaRound, EveryLayersErrorFallsAndTheOutputIsNearer) {
  const graph::Graph model = branched_graph();
  for (const char* target : {"native", "onnxruntime", "tensorrt"}) {
    const graph::Graph quantized = prepared_graph(model, {{"bits_w", 3}, {"target", target}});
    const graph::Graph twin = float_twin(quantized, model);
    const auto images = noise_batches(48);
    const Adarounded made = adaround(quantized, twin, images, adaround_settings(), {}, CancelToken{});
    EXPECT_EQ(made.layers, 5);
    EXPECT_LT(made.error, 0.7) << target;
    const auto before = layer_errors(quantized, twin, images, CancelToken{});
    const auto after = layer_errors(made.graph, twin, images, CancelToken{});
    EXPECT_GT(after.back().sqnr_db, before.back().sqnr_db + 3) << target;
    EXPECT_TRUE(graph::has_fixed_weight_scales(made.graph));
  }
}

TEST(AdaRound, TheIntegersItChoseAreWrittenReadTrainedFromAndRun) {
  const graph::Graph model = branched_graph();
  const graph::Graph quantized = prepared_graph(model, {{"bits_w", 4}});
  const graph::Graph twin = float_twin(quantized, model);
  const auto images = noise_batches(32);
  const graph::Graph made = adaround(quantized, twin, images, adaround_settings(100), {}, CancelToken{}).graph;
  const graph::Graph integers = convert(made);
  const graph::ModelFile written = file_of(integers), prepared = file_of(made);
  EXPECT_TRUE(convert(prepared.graph) == integers) << "saved in floats and read again";
  EXPECT_TRUE(convert(with_float_weights(written.graph)) == convert(with_float_weights(integers)));
  nn::GraphModule training(made);  // as QAT begins
  training.train(true);
  training.forward(nn::to_torch(images[0]).permute({0, 3, 1, 2}));
  training.train(false);
  EXPECT_TRUE(convert(training.graph()) == integers);
  int64_t other = 0;
  const graph::Graph plain = convert(quantized);
  for (const auto& [name, weight] : integers.weights) {
    if (weight.value.dtype() != DType::i8) continue;
    EXPECT_EQ(written.graph.weights.at(name).value, weight.value) << name;
    const auto a = weight.value.values<int8_t>(), b = plain.weights.at(name).value.values<int8_t>();
    for (size_t i = 0; i < a.size(); ++i) {
      EXPECT_LE(std::abs(a[i] - b[i]), 1);
      other += a[i] != b[i];
    }
  }
  EXPECT_GT(other, 20);
  const auto native = runtime::native_runtime()->load(written, {});
  const auto simulated = nn::torch_runtime()->load(prepared, {});
  const auto pixels = data::to_planar(images[0]);
  const auto p = native->run(runtime::to_input(pixels, native->input_dtype()));
  const auto q = simulated->run(runtime::to_input(pixels, simulated->input_dtype()));
  for (size_t i = 0; i < p[0].values<float>().size(); ++i) {
    EXPECT_NEAR(p[0].values<float>()[i], q[0].values<float>()[i], 0.02);
  }
}

TEST(AdaRound, WeightsThatWereRoundedAreFoundAgain) {
  const graph::Graph model = branched_graph();
  const graph::Graph quantized = prepared_graph(model, {{"bits_w", 4}, {"weight_scales", "mse"}});
  const graph::Graph floats = with_float_weights(convert(quantized));
  const graph::Graph found = with_original_weights(floats, float_twin(floats, model));
  for (const auto& [name, weight] : quantized.weights) {
    if (weight.quant) {
      EXPECT_EQ(found.weights.at(name).value, weight.value) << name;
    }
  }
  graph::Graph other = model;
  for (float& w : other.weights.at("conv3.weight").value.mutable_values<float>()) w = -w;
  const auto [kind, text] = error_of([&] { with_original_weights(floats, float_twin(floats, other)); });
  EXPECT_EQ(kind, ErrorKind::config);
  EXPECT_NE(text.find("conv3"), std::string::npos);
}

TEST(AdaRound, ValuesThatAreNotFiniteAreToldWithTheirLayer) {
  const graph::Graph model = branched_graph();
  const graph::Graph quantized = prepared_graph(model);
  graph::Graph twin = float_twin(quantized, model);
  twin.weights.at("conv3.weight").value.mutable_values<float>()[0] = std::numeric_limits<float>::quiet_NaN();
  const auto [kind, text] =
      error_of([&] { adaround(quantized, twin, noise_batches(16), adaround_settings(), {}, CancelToken{}); });
  EXPECT_EQ(kind, ErrorKind::data);
  EXPECT_NE(text.find("conv3"), std::string::npos) << text;
}

TEST(AdaRound, CanBeCancelled) {
  const graph::Graph model = branched_graph();
  const graph::Graph quantized = prepared_graph(model);
  CancelToken cancelled;
  cancelled.cancel();
  EXPECT_EQ(error_of([&] {
              adaround(quantized, float_twin(quantized, model), noise_batches(16), adaround_settings(), {}, cancelled);
            }).first,
            ErrorKind::cancelled);
}

}  // namespace
}  // namespace quench::quant
