// Layers of different widths, from the setting to the integers that run.
#include <gtest/gtest.h>
#include <torch/types.h>

#include <set>

#include "config/tables.h"
#include "core/hash.h"
#include "error_testing.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"
#include "nn/graph_module.h"
#include "nn/torch_runtime.h"
#include "quant/layer_bits.h"
#include "quant/quantize.h"
#include "quant_testing.h"
#include "runtime/native/native.h"

namespace quench::quant {
namespace {

template <typename Function>
void expect_error(ErrorKind kind, const std::string& mentions, Function function) {
  const auto [found, message] = error_of(function);
  EXPECT_EQ(found, kind) << message;
  EXPECT_NE(message.find(mentions), std::string::npos) << message;
}

const std::vector<std::string> kNames = {"conv1", "conv2", "conv3", "conv4", "fc"};

TEST(LayerBits, LaterEntriesWinWhereTheyGiveAWidth) {
  const std::vector<LayerBits> bits = layer_bits({"conv*=w4a6", "conv2=w3", "fc=a5", "conv4=a8"}, kNames, 7);
  const std::vector<int> weights{4, 3, 4, 4, 7};
  const std::vector<std::optional<int>> activations{6, 6, 6, 8, 5};
  for (size_t i = 0; i < bits.size(); ++i) {
    EXPECT_EQ(bits[i].weights, weights[i]) << kNames[i];
    EXPECT_EQ(bits[i].activations, activations[i]) << kNames[i];
  }
}

TEST(LayerBits, RefuseWhatTheyCannotRead) {
  for (const char* entry : {"conv1", "conv1=", "=w4", "conv1=4", "conv1=w", "conv1=w1", "conv1=w9", "conv1=w16",
                            "conv1=a6w4", "conv1=w4,"}) {
    expect_error(ErrorKind::config, "layer_bits", [&] { layer_bits({entry}, kNames, 8); });
  }
  expect_error(ErrorKind::config, "did you mean 'conv1'", [&] { layer_bits({"conv11=w4"}, kNames, 8); });
}

Json settings(const Json& layer_bits) {
  Json out = config::quantize_options().defaults();
  out["calibration_images"] = 64;
  out["layer_bits"] = layer_bits;
  return out;
}

graph::Graph with_bits(const Json& layer_bits) {
  return prepare(branched_graph(), noise_splits(), settings(layer_bits), {}, CancelToken{}).graph;
}

int bits_read(const graph::Graph& graph, const std::string& layer) {
  return graph.edge(node_named(graph, layer).inputs[0]).quant->bits;
}

torch::Tensor images() {
  std::vector<torch::Tensor> all;
  const NoiseDataset noise(16, 16);
  for (int64_t i = 0; i < noise.size(); ++i) all.push_back(nn::to_torch(noise.at(i).pixels));
  return torch::stack(all).permute({0, 3, 1, 2}).contiguous();
}

/// Every layer's weights lie on the grid of its own width, and use it: scales are max|w| / (2^(bits - 1) - 1).
void expect_widths(const graph::Graph& graph) {
  const std::map<std::string, int> weights{{"conv1", 8}, {"conv2", 4}, {"conv3", 3}, {"conv4", 8}, {"fc", 8}};
  for (const auto& [name, bits] : weights) {
    const graph::Weight& weight = graph.weights.at(name + ".weight");
    ASSERT_EQ(weight.quant->bits, bits) << name;
    if (weight.value.dtype() == DType::i8) {
      const auto q = weight.value.values<int8_t>();
      int most = 0;
      for (const int8_t v : q) most = std::max(most, std::abs(int{v}));
      EXPECT_EQ(most, (1 << (bits - 1)) - 1) << name;
      continue;
    }
    const auto w = weight.value.values<float>();
    const size_t each = w.size() / weight.quant->scale.size();
    for (size_t c = 0; c < weight.quant->scale.size(); ++c) {
      float most = 0;
      for (const float v : w.subspan(c * each, each)) most = std::max(most, std::abs(v));
      EXPECT_FLOAT_EQ(weight.quant->scale[c], most / static_cast<float>((1 << (bits - 1)) - 1)) << name;
    }
  }
  EXPECT_EQ(bits_read(graph, "conv1"), 8);  // the image
  EXPECT_EQ(bits_read(graph, "conv2"), 6);
  EXPECT_EQ(bits_read(graph, "conv3"), 6);  // reads a concat that holds what conv2 reads
  EXPECT_EQ(bits_read(graph, "conv4"), 8);
  EXPECT_EQ(bits_read(graph, "fc"), 5);
}

TEST(LayerBits, GoFromPrepareThroughTrainingToTheEngine) {
  const graph::Graph prepared = with_bits({"conv2=w4a6", "conv3=w3", "fc=a5"});
  expect_widths(prepared);
  EXPECT_EQ(prepared.metadata.at("layer_bits"), "conv2=w4a6,conv3=w3,fc=a5");

  // Simulated: an edge takes no more values than its width has, and more than one bit less would.
  nn::GraphModule module(prepared);
  module.set_edge_hook([&](graph::EdgeId id, const torch::Tensor& value) {
    const graph::Edge& edge = prepared.edge(id);
    if (!edge.quant || edge.dtype != DType::f32) return;
    const torch::Tensor flat = value.contiguous().flatten();
    const std::set<float> values(flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel());
    EXPECT_LE(values.size(), size_t{1} << edge.quant->bits) << edge.name;
    if (flat.numel() > 10000) {
      EXPECT_GT(values.size(), size_t{1} << (edge.quant->bits - 1)) << edge.name;
    }
  });
  module.forward(images());
  module.set_edge_hook({});

  module.train(true);
  module.learn_ranges(true);
  for (int step = 0; step < 3; ++step) {
    module.forward(images())[0].square().mean().backward();
    torch::NoGradGuard no_grad;
    for (const auto& [name, value] : module.parameters()) {
      torch::Tensor parameter = value;
      if (!parameter.grad().defined()) continue;
      parameter.sub_(parameter.grad(), 0.01);
      parameter.mutable_grad() = torch::Tensor();
    }
  }
  const graph::Graph trained = module.graph();
  EXPECT_FALSE(trained.weights.at("conv2.weight") == prepared.weights.at("conv2.weight"));
  expect_widths(trained);

  graph::ModelFile file{"memory.onnx", "", "", convert(trained)};
  expect_widths(file.graph);
  file.bytes = graph::write_onnx(file.graph);
  file.sha256 = sha256_hex(file.bytes);
  EXPECT_TRUE(graph::read_onnx(file.bytes, "memory.onnx") == file.graph);
  const torch::Tensor pixels = images();
  const auto native = runtime::native_runtime()->load(file, {});
  const quench::Tensor found = native->run(nn::to_host(pixels))[0];
  torch::NoGradGuard no_grad;
  const torch::Tensor simulated = nn::GraphModule(trained).forward(pixels)[0];
  const double span = (simulated.max() - simulated.min()).item<double>();
  // A value at a rounding boundary may fall either way: a step of 5 or 6 bits of some activations.
  EXPECT_LT((nn::to_torch(found) - simulated).abs().mean().item<double>(), 0.02 * span);
}

TEST(LayerBits, OneRangeHasOneWidth) {
  expect_error(ErrorKind::config, "'conv2' and 'conv3' read values that share one range", [] {
    with_bits({"conv2=a6", "conv3=a4"});
  });
  EXPECT_EQ(bits_read(with_bits({"conv2=a6", "conv3=a6"}), "conv3"), 6);
  EXPECT_EQ(bits_read(with_bits({"*=a4"}), "conv1"), 8);  // the image has 8 always
  EXPECT_EQ(bits_read(with_bits({"*=a4"}), "conv4"), 4);
}

// The width was once ignored, and stood in the record.
TEST(LayerBits, TheImageHasNoWidthOfItsOwn) {
  expect_error(ErrorKind::config, "'conv1' reads the image, which always has 8 bits",
               [] { with_bits({"conv1=w4a6"}); });
  EXPECT_EQ(bits_read(with_bits({"conv1=w4a8"}), "conv1"), 8);
  EXPECT_EQ(bits_read(with_bits({"conv1=a8", "*=a4"}), "conv1"), 8);
}

}  // namespace
}  // namespace quench::quant
