// Whole models in the native engine beside LibTorch: in float the same; quantized, all of them in integers, in
// agreement with the simulation that QAT trains with.
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "config/tables.h"
#include "core/hash.h"
#include "data/loading/loader.h"
#include "graph/input_normalization.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"
#include "models/spec.h"
#include "nn/torch_runtime.h"
#include "quant/quantize.h"
#include "quant_testing.h"
#include "runtime/native/native.h"

namespace quench::quant {
namespace {

constexpr int kSize = 64;

/// A model of the catalog; `<name> normalized`: with the layer that an import puts before it.
graph::Graph random_model(const std::string& named) {
  const std::string name = named.substr(0, named.find(' '));
  models::BuildOptions options;
  options.classes = {"a", "b", "c", "d", "e"};
  options.imgsz = kSize;
  options.seed = 7;
  graph::Graph graph = models::build(name, options);
  Rng rng(3, "batch-norms");
  for (auto& [weight_name, weight] : graph.weights) {
    if (!weight_name.ends_with("running_var")) continue;
    for (float& v : weight.value.mutable_values<float>()) v = static_cast<float>(rng.uniform(0.1, 0.5));
  }
  if (name == named) return graph;
  return graph::normalize_input(std::move(graph), {{0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}});
}

graph::ModelFile quantized(const std::string& name, std::initializer_list<std::pair<const char*, Json>> changes) {
  Json config = config::quantize_options().defaults();
  config["calibration_images"] = 32;
  for (const auto& [key, value] : changes) config[key] = value;
  graph::ModelFile file{"memory.onnx", "", "", {}};
  file.graph = convert(prepare(random_model(name), noise_splits(64, kSize), config, {}, CancelToken{}).graph);
  file.bytes = graph::write_onnx(file.graph);
  file.sha256 = sha256_hex(file.bytes);
  return file;
}

Tensor pixels(int64_t count) {
  data::LoaderOptions options;
  options.imgsz = kSize;
  options.batch = count;
  data::Loader loader(std::make_shared<NoiseDataset>(count, kSize), options);
  loader.start(0);
  return data::to_planar(loader.next()->images);
}

/// Mean absolute difference of all outputs, as a share of their spread.
double difference(runtime::Session& a, runtime::Session& b, const Tensor& images) {
  const auto x = a.run(runtime::to_input(images, a.input_dtype())),
             y = b.run(runtime::to_input(images, b.input_dtype()));
  double sum = 0, count = 0, squares = 0, mean = 0;
  for (size_t o = 0; o < x.size(); ++o) {
    const auto p = x[o].values<float>(), q = y[o].values<float>();
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

class QuantNative : public testing::TestWithParam<const char*> {};

TEST_P(QuantNative, FloatEqualsTorch) {
  graph::ModelFile file{"memory.onnx", "", "", random_model(GetParam())};
  file.bytes = graph::write_onnx(file.graph);
  file.sha256 = sha256_hex(file.bytes);
  const auto native = runtime::native_runtime()->load(file, {.threads = 2});
  const auto torch = nn::torch_runtime()->load(file, {.threads = 2});
  const Tensor images = pixels(3);
  const auto found = native->run(runtime::to_input(images, native->input_dtype()));
  const auto expected = torch->run(runtime::to_input(images, torch->input_dtype()));
  ASSERT_EQ(found.size(), expected.size());
  for (size_t o = 0; o < found.size(); ++o) {
    const auto p = found[o].values<float>(), q = expected[o].values<float>();
    ASSERT_EQ(found[o].shape(), expected[o].shape());
    double largest = 0, difference = 0;
    for (size_t i = 0; i < p.size(); ++i) {
      largest = std::max(largest, std::abs(static_cast<double>(q[i])));
      difference = std::max(difference, std::abs(static_cast<double>(p[i]) - q[i]));
    }
    EXPECT_GT(largest, 0.01);
    EXPECT_LT(difference, 1e-4 * largest) << "output " << o;
  }
}

TEST_P(QuantNative, EveryLayerInIntegersAndAsSimulated) {
  const Tensor images = pixels(8);
  for (const char* activations : {"asymmetric", "symmetric"}) {
    const graph::ModelFile file = quantized(GetParam(), {{"activations", activations}, {"quantize_head", true}});
    const auto native = runtime::native_runtime()->load(file, {.threads = 2});
    const auto simulated = nn::torch_runtime()->load(file, {.threads = 2});
    EXPECT_LT(difference(*native, *simulated, images), 0.01) << activations;
    int64_t layers = 0;
    for (const graph::Node& node : file.graph.nodes)
      layers += node.op == graph::Op::conv || node.op == graph::Op::linear;
    const std::string wanted = fmt::format("int8 convolutions and linear layers: {0} of {0}", layers);
    const auto notes = native->notes();
    EXPECT_NE(std::find(notes.begin(), notes.end(), wanted), notes.end()) << fmt::format("{}", fmt::join(notes, "\n"));
  }
}

TEST_P(QuantNative, FewerBitsAreTheSameIntegers) {
  const graph::ModelFile file = quantized(GetParam(), {{"bits_w", 4}, {"bits_a", 6}});
  const auto native = runtime::native_runtime()->load(file, {});
  const auto simulated = nn::torch_runtime()->load(file, {});
  EXPECT_LT(difference(*native, *simulated, pixels(8)), 0.03);
}

TEST(QuantNative, LevelsAreTheSameIntegers) {
  for (const auto& [levels, bits] : {std::pair{"pot", 4}, {"apot", 5}, {"kmeans", 2}}) {
    const char* name = bits == 5 ? "yolov5n" : "yolov5n-cls";
    const graph::ModelFile file = quantized(name, {{"bits_w", bits}, {"levels", levels}, {"weight_scales", "mse"}});
    const auto native = runtime::native_runtime()->load(file, {});
    const auto simulated = nn::torch_runtime()->load(file, {});
    EXPECT_LT(difference(*native, *simulated, pixels(8)), 0.01) << levels;
  }
}

TEST(QuantNative, GroupsAreTheSameIntegers) {
  for (const auto& [name, bits] : {std::pair{"yolov5n-cls", 4}, {"yolov5n", 3}, {"yolov8n-cls", 2}}) {
    const graph::ModelFile file = quantized(name, {{"bits_w", bits}, {"group_size", 16}, {"weight_scales", "mse"}});
    const auto native = runtime::native_runtime()->load(file, {});
    const auto simulated = nn::torch_runtime()->load(file, {});
    EXPECT_LT(difference(*native, *simulated, pixels(8)), 0.01) << name;
  }
}

/// A scale of a weight, once chosen, is what trains, is written, and runs.
TEST(QuantNative, AScaleSetByHandIsWhatRuns) {
  Json config = config::quantize_options().defaults();
  config["calibration_images"] = 32;
  graph::Graph prepared = prepare(branched_graph(), noise_splits(), config, {}, CancelToken{}).graph;
  const graph::Graph as_chosen = prepared;
  for (const char* name : {"conv1.weight", "conv3.weight", "fc.weight"}) {
    std::vector<float>& scale = prepared.weights.at(name).quant->scale;
    for (size_t c = 0; c < scale.size(); ++c) scale[c] *= c % 2 == 0 ? 0.3f : 1.9f;
  }
  const auto file_of = [](const graph::Graph& graph) {
    graph::ModelFile file{"memory.onnx", "", "", graph};
    file.bytes = graph::write_onnx(file.graph);
    file.sha256 = sha256_hex(file.bytes);
    file.graph = graph::read_onnx(file.bytes, "memory.onnx");
    return file;
  };
  const graph::ModelFile simulated = file_of(prepared), converted = file_of(convert(prepared)),
                         other = file_of(convert(as_chosen));
  for (const auto& [name, weight] : prepared.weights) {
    if (!weight.quant) continue;
    EXPECT_EQ(*simulated.graph.weights.at(name).quant, *weight.quant) << name;
    EXPECT_EQ(*converted.graph.weights.at(name).quant, *weight.quant) << name;
  }
  data::LoaderOptions options;
  options.imgsz = 16;
  options.batch = 8;
  data::Loader loader(std::make_shared<NoiseDataset>(8, 16), options);
  loader.start(0);
  const Tensor images = data::to_planar(loader.next()->images);
  const auto in_training = nn::torch_runtime()->load(simulated, {});
  const auto native = runtime::native_runtime()->load(converted, {});
  const auto native_as_chosen = runtime::native_runtime()->load(other, {});
  EXPECT_LT(difference(*native, *in_training, images), 0.01);
  EXPECT_GT(difference(*native, *native_as_chosen, images), 0.1);  // such scales are seen
}

INSTANTIATE_TEST_SUITE_P(Models, QuantNative,
                         testing::Values("yolov5n-cls", "yolov5n-cls normalized", "yolov8n-cls", "yolov5n", "yolov8n"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           std::replace(name.begin(), name.end(), ' ', '_');
                           return name;
                         });

}  // namespace
}  // namespace quench::quant
