#include <gtest/gtest.h>
#include <torch/types.h>

#include "config/tables.h"
#include "core/error.h"
#include "graph/passes.h"
#include "nn/graph_module.h"
#include "quant/observer.h"
#include "quant/quantize.h"
#include "quant_testing.h"

namespace quench::quant {
namespace {

using torch::Tensor;

Json settings(std::initializer_list<std::pair<const char*, Json>> changes = {}) {
  Json out = config::quantize_options().defaults();
  out["calibration_images"] = 96;
  for (const auto& [key, value] : changes) out[key] = value;
  return out;
}

Prepared prepared_with(const Json& config, const graph::Graph& graph = branched_graph()) {
  return prepare(graph, noise_splits(), config, {}, CancelToken{});
}

Tensor noise_batch() {
  std::vector<Tensor> images;
  const NoiseDataset noise(32, 16);
  for (int64_t i = 0; i < noise.size(); ++i) images.push_back(nn::to_torch(noise.at(i).pixels));
  return torch::stack(images).permute({0, 3, 1, 2});
}

Tensor run(const graph::Graph& graph, const Tensor& batch) {
  torch::NoGradGuard no_gradients;
  nn::GraphModule module(graph);
  return module.forward(batch)[0];
}

double signal_to_noise_db(const Tensor& reference, const Tensor& other) {
  const double signal = (reference - reference.mean(0)).square().mean().item<double>();
  return 10 * std::log10(signal / (reference - other).square().mean().item<double>());
}

TEST(Prepare, MinMaxRangesAreThoseOfTheFloatGraph) {
  const Prepared prepared = prepared_with(settings({{"observer", "minmax"}}));
  // Independently: run the placed float graph on all images, take extremes by LibTorch.
  Placement placement = place(branched_graph(), {.target = Target::native, .float_layers = {}});
  std::vector<Tensor> images;
  const NoiseDataset noise(96, 16);
  for (int64_t i = 0; i < 96; ++i) images.push_back(nn::to_torch(noise.at(i).pixels));
  torch::NoGradGuard no_gradients;
  nn::GraphModule module(placement.graph);
  std::map<graph::EdgeId, Range> extremes;
  module.set_edge_hook([&](graph::EdgeId edge, const Tensor& value) {
    extremes[edge] = {value.min().item<float>(), value.max().item<float>()};
  });
  module.forward(torch::stack(images).permute({0, 3, 1, 2}));
  for (const auto& group : placement.groups) {
    Range range = extremes.at(group[0]);
    for (const graph::EdgeId edge : group) {
      range = {std::min(range.low, extremes.at(edge).low), std::max(range.high, extremes.at(edge).high)};
    }
    const graph::QuantParams expected = params_for(range, 8, false);
    for (const graph::EdgeId edge : group) {
      const graph::QuantParams& got = *prepared.graph.edge(edge).quant;
      // Batches of 64 and of 96 images may differ in the last bits of a convolution.
      EXPECT_NEAR(got.scale[0], expected.scale[0], 1e-5 * expected.scale[0]) << placement.graph.edge(edge).name;
      EXPECT_LE(std::abs(got.zero_point[0] - expected.zero_point[0]), 1);
      EXPECT_EQ(got, *prepared.graph.edge(group[0]).quant);  // shared bit for bit
    }
  }
}

TEST(Prepare, EveryObserverKeepsTheOutputs) {
  const graph::Graph graph = branched_graph();
  const Tensor batch = noise_batch();
  const Tensor expected = run(graph, batch);
  for (const std::string& observer : observer_names()) {
    const Prepared prepared = prepared_with(settings({{"observer", observer}}), graph);
    // 8 bits through four convolutions; 15 dB is a tenth of a relu net's usual and far above a wrong scale (< 5 dB).
    EXPECT_GT(signal_to_noise_db(expected, run(prepared.graph, batch)), 15) << observer;
  }
}

TEST(Prepare, MoreBitsAreNearer) {
  const graph::Graph graph = branched_graph();
  const Tensor batch = noise_batch();
  const Tensor expected = run(graph, batch);
  double before = -100;
  for (const int bits : {3, 5, 8}) {
    const double now = signal_to_noise_db(
        expected, run(prepared_with(settings({{"bits_w", bits}, {"bits_a", bits}}), graph).graph, batch));
    EXPECT_GT(now, before + 6) << bits << " bits";
    before = now;
  }
}

TEST(Prepare, SimulatedPreparedAndConvertedAgree) {
  const Tensor batch = noise_batch();
  for (const char* target : {"native", "onnxruntime", "tensorrt", "openvino"}) {
    for (const char* weights : {"per_channel", "per_tensor"}) {
      for (const char* activations : {"asymmetric", "symmetric"}) {
        const Json config = settings({{"target", target}, {"weights", weights}, {"activations", activations}});
        const Prepared prepared = prepared_with(config);
        const Tensor simulated = run(prepared.graph, batch);
        const Tensor converted = run(convert(prepared.graph), batch);
        // The bias rounds to int32: 1e-5 of a step. A value at a rounding boundary may fall either way: one step of one
        // activation, which the average over the image divides by 256.
        const double span = (simulated.max() - simulated.min()).item<double>();
        EXPECT_LT((simulated - converted).abs().max().item<double>(), 0.01 * span) << target << weights << activations;
      }
    }
  }
}

TEST(Prepare, IsDeterministicAndSaysWhatItDid) {
  const Prepared a = prepared_with(settings()), b = prepared_with(settings());
  EXPECT_TRUE(a.graph == b.graph);
  const auto& metadata = a.graph.metadata;
  EXPECT_EQ(metadata.at("method"), "ptq");
  EXPECT_EQ(metadata.at("observer"), "mse");
  EXPECT_EQ(metadata.at("target"), "native");
  EXPECT_EQ(metadata.at("bits_w"), "8");
  EXPECT_EQ(prepared_with(settings({{"target", "openvino"}})).graph.metadata.at("bits_w"), "7");
  EXPECT_EQ(metadata.at("calibration_sha256"), a.calibration_sha256);
  EXPECT_EQ(metadata.at("task"), "classify");  // what was there stays
  const Prepared other = prepared_with(settings({{"calibration_seed", 1}, {"calibration_images", 40}}));
  EXPECT_NE(other.calibration_sha256, a.calibration_sha256);
}

TEST(Prepare, KeepsFloatLayersInFloat) {
  const Prepared prepared = prepared_with(settings({{"float_layers", Json::array({"fc", "conv4"})}}));
  EXPECT_EQ(prepared.float_layers, (std::vector<std::string>{"conv4", "fc"}));
  EXPECT_EQ(prepared.graph.metadata.at("float_layers"), "conv4,fc");
  const graph::Graph converted = convert(prepared.graph);
  EXPECT_FALSE(converted.weights.at("fc.weight").quant);
  EXPECT_EQ(converted.weights.at("fc.weight").value.dtype(), DType::f32);
  EXPECT_TRUE(converted.weights.at("conv1.weight").quant);
}

TEST(Prepare, BadRequests) {
  const auto expect_error = [](const Json& config, ErrorKind kind, const std::string& mentions) {
    try {
      prepared_with(config);
      FAIL() << mentions;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      EXPECT_NE(std::string(error.what()).find(mentions), std::string::npos) << error.what();
    }
  };
  expect_error(settings({{"calibration_images", 0}}), ErrorKind::config, "0");
  expect_error(settings({{"observer", "minmux"}}), ErrorKind::config, "minm");
  expect_error(settings({{"float_layers", Json::array({"conv7"})}}), ErrorKind::config, "conv7");
  for (const auto& [value, name] : {std::pair(3e38f, "weight conv3.weight"), std::pair(9e19f, "edge conv3")}) {
    graph::Graph broken = branched_graph();
    for (float& w : broken.weights.at("conv3.weight").value.mutable_values<float>()) w = value;
    try {
      prepared_with(settings(), broken);
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << error.what();
    }
  }
  CancelToken cancelled;
  cancelled.cancel();
  EXPECT_THROW(prepare(branched_graph(), noise_splits(), settings(), {}, cancelled), Error);
}

}  // namespace
}  // namespace quench::quant
