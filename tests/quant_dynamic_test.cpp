// Activations whose ranges are each image's own: where they stand, what is simulated, that every runtime computes the
// same and no image depends on its neighbours, and what other steps make of them.
#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/hash.h"
#include "error_testing.h"
#include "graph/dynamic_range.h"
#include "graph/links.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"
#include "graph/op_traits.h"
#include "graph/quantized.h"
#include "models/spec.h"
#include "nn/fake_quant.h"
#include "nn/graph_module.h"
#include "nn/torch_runtime.h"
#include "quant/adaround.h"
#include "quant/bias_correction.h"
#include "quant/float_twin.h"
#include "quant/layer_errors.h"
#include "quant/placement.h"
#include "quant/without_quantizers.h"
#include "quant_refine_testing.h"
#include "runtime/native/native.h"
#include "runtime/onnxruntime.h"

namespace quench::quant {
namespace {

using graph::EdgeId;

Json settings(std::initializer_list<std::pair<const char*, Json>> changes = {}) {
  Json config = config::quantize_options().defaults();
  config["activation_scales"] = "dynamic";
  for (const auto& [key, value] : changes) config[key] = value;
  return config;
}

/// Of no data: nothing is looked at.
graph::Graph prepared(const graph::Graph& graph, std::initializer_list<std::pair<const char*, Json>> changes = {}) {
  return prepare(graph, {}, settings(changes), {}, CancelToken{}).graph;
}

graph::ModelFile file_of(const graph::Graph& graph) {
  graph::ModelFile file{"memory.onnx", graph::write_onnx(graph), "", graph};
  file.sha256 = sha256_hex(file.bytes);
  return file;
}

/// Pixels of images that differ in contrast, [N,3,side,side].
Tensor pixels(int64_t count, int64_t side) {
  Tensor out(DType::u8, {count, 3, side, side});
  const auto values = out.mutable_values<uint8_t>();
  const size_t each = values.size() / static_cast<size_t>(count);
  for (size_t i = 0; i < values.size(); ++i) {
    Rng rng(4, "pixels", i);
    const double contrast = i / each % 2 == 0 ? 255 : 25;
    values[i] = static_cast<uint8_t>(rng.uniform(0, contrast));
  }
  return out;
}

Tensor image_of(const Tensor& batch, int64_t i) {
  Shape shape = batch.shape();
  shape[0] = 1;
  const size_t size = static_cast<size_t>(batch.size() / batch.shape()[0]);
  const auto values = batch.values<uint8_t>().subspan(static_cast<size_t>(i) * size, size);
  return Tensor::from(std::vector<uint8_t>(values.begin(), values.end()), shape);
}

/// A model with random weights whose values keep their size.
graph::Graph random_model(const std::string& name, int64_t side) {
  models::BuildOptions options;
  options.classes = {"a", "b", "c", "d", "e"};
  options.imgsz = side;
  options.seed = 7;
  graph::Graph graph = models::build(name, options);
  Rng rng(3, "batch-norms");
  for (auto& [key, weight] : graph.weights) {
    if (!key.ends_with("running_var")) continue;
    for (float& v : weight.value.mutable_values<float>()) v = static_cast<float>(rng.uniform(0.05, 0.2));
  }
  return graph;
}

/// Mean absolute difference of all outputs, as a share of their spread.
double difference(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  double sum = 0, count = 0, squares = 0, mean = 0;
  for (size_t o = 0; o < a.size(); ++o) {
    const auto p = a[o].values<float>(), q = b.at(o).values<float>();
    for (size_t i = 0; i < p.size(); ++i) {
      sum += std::abs(static_cast<double>(p[i]) - q[i]);
      mean += p[i];
      squares += static_cast<double>(p[i]) * p[i];
      ++count;
    }
  }
  mean /= count;
  EXPECT_TRUE(std::isfinite(squares)) << "the model's values run away";
  return sum / count / std::sqrt(squares / count - mean * mean);
}

// --- placement ---

TEST(DynamicActivations, WhatLayersReadIsQuantizedAndNothingElse) {
  for (const Target target : {Target::native, Target::onnxruntime}) {
    const Placement placement = place(branched_graph(), {.target = target, .float_layers = {"conv4"}, .dynamic = true});
    EXPECT_TRUE(placement.groups.empty());
    const graph::Graph& graph = placement.graph;
    const graph::Links links(graph);
    for (size_t i = 0; i < graph.edges.size(); ++i) {
      const auto edge = static_cast<EdgeId>(i);
      const bool read = std::ranges::any_of(links.consumers[i], [&](int reader) {
        return graph::traits(graph.nodes[static_cast<size_t>(reader)].op).layer &&
               graph.nodes[static_cast<size_t>(reader)].name != "conv4";
      });
      ASSERT_EQ(placement.fixed.contains(edge), read) << graph.edge(edge).name;
      if (!read) continue;
      EXPECT_EQ(placement.fixed.at(edge).dynamic, links.producer[i] >= 0);
    }
    EXPECT_EQ(graph.edge(graph.inputs[0]).dtype, DType::u8);
    for (const graph::Node& node : graph.nodes) EXPECT_NE(node.op, graph::Op::sigmoid);
  }
}

TEST(DynamicActivations, SettingsThatDoNotFit) {
  const auto said = [](std::initializer_list<std::pair<const char*, Json>> changes) {
    return error_of([&] { prepared(branched_graph(), changes); });
  };
  const std::vector<std::pair<std::pair<const char*, Json>, const char*>> all = {
      {{"target", "tensorrt"}, "the target native or onnxruntime"},
      {{"activations", "symmetric"}, "activations: asymmetric"},
      {{"bits_a", 6}, "bits_a: 8"},
      {{"layer_bits", Json::array({"conv2=a6"})}, "in 'layer_bits'"},
      {{"layer_bits", Json::array({"conv2=w4a7"})}, "in 'layer_bits'"},
      {{"silu_tables", true}, "no 'silu_tables'"},
      {{"scales", "power_of_two"}, "scales: float"},
      {{"pictures", "noise"}, "no 'pictures'"},
      {{"calibration_list", Json::array({"1"})}, "no 'calibration_list'"}};
  for (const auto& [change, words] : all) {
    const auto [kind, text] = said({change});
    EXPECT_EQ(kind, ErrorKind::config) << text;
    EXPECT_NE(text.find(words), std::string::npos) << text;
  }
  EXPECT_NO_THROW(prepared(branched_graph(), {{"layer_bits", Json::array({"conv2=w4", "conv3=w4a8"})}}));
  for (PlacementOptions options :
       {PlacementOptions{.symmetric = true}, PlacementOptions{.bits_a = 7},
        PlacementOptions{.target = Target::tensorrt}, PlacementOptions{.layer_bits = {"conv2=a5"}}}) {
    options.dynamic = true;
    EXPECT_THROW(place(branched_graph(), options), Error);
  }
}

TEST(DynamicActivations, NoImageIsLookedAtAndTheFileTells) {
  const graph::Graph graph = prepared(branched_graph());
  EXPECT_EQ(graph.metadata.at("activation_scales"), "dynamic");
  for (const char* key : {"observer", "calibration_images", "calibration_sha256"})
    EXPECT_FALSE(graph.metadata.contains(key));
  const graph::Graph fixed = prepared_graph(branched_graph());
  EXPECT_FALSE(fixed.metadata.contains("activation_scales"));
  EXPECT_FALSE(graph::has_dynamic_ranges(fixed));
  for (const auto& [name, weight] : graph.weights) {
    if (name.ends_with(".weight")) {
      EXPECT_EQ(weight.quant->scale.size(), static_cast<size_t>(weight.value.shape()[0])) << name;
    }
  }
  EXPECT_FALSE(graph::is_quantized(without_quantizers(graph)));
  EXPECT_FALSE(without_quantizers(graph).metadata.contains("activation_scales"));
}

TEST(DynamicActivations, ScalesOfWeightsByTheOutputLookAtImages) {
  const Json config = settings({{"weight_scales", "output_mse"}, {"calibration_images", 96}});
  const Prepared found = prepare(branched_graph(), noise_splits(), config, {}, CancelToken{});
  EXPECT_EQ(found.graph.metadata.at("calibration_images"), "96");
  EXPECT_TRUE(graph::has_dynamic_ranges(found.graph));
  EXPECT_FALSE(found.mean_squares.empty());
}

TEST(DynamicActivations, IntegersOfWeightsAndFloatsOfBiases) {
  const graph::Graph integers = convert(prepared(branched_graph(), {{"bits_w", 4}}));
  EXPECT_TRUE(graph::read_onnx(graph::write_onnx(integers), "memory") == integers);
  EXPECT_TRUE(convert(integers) == integers);
  for (const auto& [name, weight] : integers.weights) {
    const bool image = name == "conv1.bias";  // its input has a fixed scale
    EXPECT_EQ(weight.value.dtype(), name.ends_with(".weight") ? DType::i8 : image ? DType::i32 : DType::f32) << name;
  }
}

// --- simulation ---

TEST(DynamicActivations, RoundsEachImageByItsOwnValues) {
  torch::manual_seed(3);
  torch::Tensor x = torch::randn({3, 5, 4, 6});
  x[1].mul_(40).abs_();
  x[2].zero_();
  for (const bool last : {false, true}) {
    const torch::Tensor given = last ? x.contiguous(torch::MemoryFormat::ChannelsLast) : x;
    const torch::Tensor y = nn::fake_quantize(given, graph::dynamic_params());
    EXPECT_EQ(y.strides(), given.strides());
    for (int64_t i = 0; i < 3; ++i) {
      const graph::DynamicRange range = graph::dynamic_range(x[i].min().item<float>(), x[i].max().item<float>());
      const torch::Tensor expected =
          (x[i].div(range.scale).round().add(range.zero_point).clamp(0, 255).sub(range.zero_point)).mul(range.scale);
      EXPECT_TRUE(torch::equal(y[i], expected)) << i;
      EXPECT_LE((y[i] - x[i]).abs().max().item<float>(), 0.5001 * range.scale) << i;
      EXPECT_TRUE(torch::equal(nn::fake_quantize(given.narrow(0, i, 1), graph::dynamic_params())[0], y[i])) << i;
    }
  }
  const torch::Tensor strided = torch::randn({2, 4, 3}).transpose(0, 1);
  EXPECT_TRUE(torch::equal(nn::fake_quantize_dynamic(strided), nn::fake_quantize_dynamic(strided.contiguous())));
}

TEST(DynamicActivations, GradientPassesUnchanged) {
  torch::Tensor x = torch::randn({2, 7}).set_requires_grad(true);
  const torch::Tensor weight = torch::randn({2, 7});
  (nn::fake_quantize_dynamic(x) * weight).sum().backward();
  EXPECT_TRUE(torch::equal(x.grad(), weight));
}

TEST(DynamicActivations, TrainsBehindThem) {
  nn::GraphModule module(prepared(branched_graph(), {{"bits_w", 4}}));
  module.train(true);
  module.learn({.learn_activations = true});  // there are none: nothing of edges trains
  const auto parameters = module.parameters();
  EXPECT_TRUE(std::ranges::none_of(parameters, [](const auto& p) { return p.first.ends_with(".out.scale"); }));
  const torch::Tensor image = torch::rand({4, 3, 16, 16});
  module.forward(image)[0].square().mean().backward();
  for (const auto& [name, parameter] : parameters) {
    ASSERT_TRUE(parameter.grad().defined()) << name;
    EXPECT_TRUE(torch::isfinite(parameter.grad()).all().item<bool>()) << name;
    EXPECT_GT(parameter.grad().abs().sum().item<double>(), 0) << name;
  }
  {
    const torch::NoGradGuard no_gradient;
    for (const auto& [name, parameter] : parameters) parameter.sub_(parameter.grad(), 0.01);
  }
  const graph::Graph trained = module.graph();
  EXPECT_TRUE(graph::has_dynamic_ranges(trained));
  EXPECT_NO_THROW(convert(trained));
  nn::GraphModule other(prepared(branched_graph()));
  const auto [kind, text] =
      error_of([&] { other.learn({.learn_activations = true, .activations = nn::ActivationQuantizer::lsq_plus}); });
  EXPECT_EQ(kind, ErrorKind::config);
  EXPECT_NE(text.find("expected ranges of activations that train"), std::string::npos) << text;
}

// --- what runs ---

class DynamicModels : public testing::TestWithParam<const char*> {};

TEST_P(DynamicModels, RuntimesAgreeAndImagesAreAlone) {
  constexpr int64_t kSide = 64;
  const graph::ModelFile file = file_of(convert(prepared(random_model(GetParam(), kSide))));
  const Tensor images = pixels(4, kSide);
  const auto simulated = nn::torch_runtime()->load(file, {.threads = 2});
  const std::vector<Tensor> expected = simulated->run(images);
  std::vector<std::unique_ptr<runtime::Session>> sessions;
  sessions.push_back(runtime::native_runtime()->load(file, {.threads = 1}));
  sessions.push_back(runtime::native_runtime()->load(file, {.threads = 2}));
  if (const auto other = runtime::onnxruntime_runtime(); other->availability().available) {
    sessions.push_back(other->load(file, {.threads = 1}));
  }
  for (const auto& session : sessions) {
    const std::vector<Tensor> all = session->run(images);
    // Measured: 5e-5 to 6e-3 (a value at the border of two integers is rounded apart).
    EXPECT_LT(difference(expected, all), 0.01);
    for (int64_t i = 0; i < 4; ++i) {
      const std::vector<Tensor> one = session->run(image_of(images, i));
      for (size_t o = 0; o < all.size(); ++o) {
        const auto alone = one[o].values<float>();
        const auto beside = all[o].values<float>().subspan(static_cast<size_t>(i) * alone.size(), alone.size());
        EXPECT_TRUE(std::ranges::equal(alone, beside)) << "image " << i << ", output " << o;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, DynamicModels, testing::Values("yolov5n-cls", "yolov8n-cls", "yolov5n", "yolov8n"));

TEST(DynamicActivations, EngineRunsLayersInIntegersAndOnnxRuntimeInFloat) {
  const graph::ModelFile file = file_of(convert(prepared(random_model("yolov5n-cls", 64))));
  const auto note = [](const runtime::Session& session, const std::string& begins) {
    for (const std::string& line : session.notes()) {
      if (line.starts_with(begins)) return line.substr(begins.size());
    }
    return std::string("none");
  };
  const auto native = runtime::native_runtime()->load(file, {});
  const std::string counts = note(*native, "int8 convolutions and linear layers: ");
  EXPECT_EQ(counts.substr(0, counts.find(' ')), counts.substr(counts.rfind(' ') + 1)) << counts;
  const auto other = runtime::onnxruntime_runtime();
  if (!other->availability().available) GTEST_SKIP() << other->availability().reason;
  EXPECT_TRUE(note(*other->load(file, {}), "int8 convolutions: ").starts_with("0 of ") ||
              note(*other->load(file, {}), "int8 convolutions: ").starts_with("1 of "));
}

/// add(x, x), whose sum a convolution reads: of float images.
graph::Graph of_floats() {
  GraphSketch s(8);
  const auto twice = s.op("twice", graph::Op::add, {s.image(), s.image()});
  graph::Graph graph = s.done({s.conv("conv", twice, 3, 4)});
  graph.edge(twice).quant = graph::dynamic_params();
  graph.weights.at("conv.weight").quant = graph::QuantParams{DType::i8, 8, {0.01f}, {0}, -1};
  return convert(graph);
}

TEST(DynamicActivations, ValuesThatAreNotFiniteAreAnErrorThatNamesThem) {
  const graph::ModelFile file = file_of(of_floats());
  for (const float bad : {INFINITY, -INFINITY, NAN, 3e38f}) {
    Tensor images(DType::f32, {3, 3, 8, 8});
    images.mutable_values<float>()[3 * 8 * 8 + 70] = bad;
    for (const int threads : {1, 2}) {
      for (const auto& runtime : {runtime::native_runtime(), nn::torch_runtime()}) {
        const auto session = runtime->load(file, {.threads = threads});
        const auto [kind, text] = error_of([&] { session->run(images); });
        EXPECT_EQ(kind, ErrorKind::data) << bad;
        EXPECT_NE(text.find("expected finite values"), std::string::npos) << text;
        EXPECT_NE(text.find("twice.out"), std::string::npos) << text;
        EXPECT_NO_THROW(session->run(Tensor(DType::f32, {3, 3, 8, 8}))) << "the next images are judged by themselves";
      }
    }
  }
}

// --- other steps ---

double output_error(const graph::Graph& graph, const graph::Graph& twin) {
  const torch::NoGradGuard no_gradient;
  nn::GraphModule a(graph), b(twin);
  double sum = 0;
  for (const Tensor& batch : noise_batches()) {
    const torch::Tensor x = nn::to_torch(batch).permute({0, 3, 1, 2});
    sum += (a.forward(x)[0] - b.forward(x)[0]).square().sum().item<double>();
  }
  return sum;
}

TEST(DynamicActivations, RefinementsWork) {
  const graph::Graph model = branched_graph(), quantized = prepared(model, {{"bits_w", 3}});
  const graph::Graph twin = float_twin(quantized, model);
  const std::vector<Tensor> images = noise_batches();
  const double before = output_error(quantized, twin);
  Json learning = config::adaround_options().defaults();
  learning["iterations"] = 300;
  EXPECT_LT(output_error(adaround(quantized, twin, images, learning, {}, CancelToken{}).graph, twin), before);
  EXPECT_LT(output_error(correct_bias_by_images(quantized, twin, images, {}, CancelToken{}).graph, twin), before);
  for (const LayerError& layer : layer_errors(quantized, twin, images, CancelToken{})) {
    EXPECT_GT(layer.activations_db, layer.weights_db) << "8 bits beside 3";
  }
}

}  // namespace
}  // namespace quench::quant
