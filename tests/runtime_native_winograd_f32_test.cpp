// Convolutions of floats by Winograd's algorithm: near the plain sum, and the same bits everywhere.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/rng.h"
#include "graph_samples.h"
#include "runtime/native/engine.h"
#include "runtime/native/isa.h"
#include "runtime/native/native.h"

namespace quench::runtime {
namespace {

using graph::Graph;

struct Size {
  int64_t in_channels, out_channels, height, width;
};

const graph::ConvAttributes kThree{.kernel = {3, 3}, .stride = {1, 1}, .padding = {1, 1}};

/// x into one convolution. Another node reads what it makes: outputs alone are written as planes, by the plain sum.
Graph one_layer(const Size& size, const graph::ConvAttributes& attributes, bool silu) {
  graph::samples::Builder builder(7);
  const auto x = builder.input("x", {1, size.in_channels, size.height, size.width});
  const auto made = builder.conv("layer", x, size.out_channels, attributes, true);
  const auto out = silu ? builder.node("act", graph::Op::silu, {made}) : made;
  builder.output(out);
  builder.output(builder.node("other", graph::Op::sigmoid, {out}));
  return builder.graph;
}

Tensor floats(const Graph& graph, uint64_t seed) {
  Rng rng(seed, "floats");
  Tensor out(DType::f32, graph.edge(graph.inputs[0]).shape);
  for (float& x : out.mutable_values<float>()) x = static_cast<float>(rng.uniform(-0.3, 2));
  return out;
}

std::vector<Tensor> run(const Graph& graph, native::Isa isa, int threads, const std::vector<Tensor>& inputs) {
  graph::ModelFile file;
  file.graph = graph;
  const auto session =
      native_runtime()->load(file, {.threads = threads, .profile_path = "", .isa = native::to_string(isa)});
  std::vector<Tensor> out;
  for (const Tensor& input : inputs) out.push_back(session->run(input).at(0));
  return out;
}

native::Program engine_program(const Graph& graph, native::Isa isa) {
  return native::Engine(native::lower(graph), *native::kernels_for(isa), 1).program();
}

bool by_winograd(const Graph& graph, native::Isa isa) {
  const native::Program program = engine_program(graph, isa);
  return std::ranges::any_of(program.instructions,
                             [](const native::Instruction& layer) { return layer.products < layer.macs; });
}

/// The plain sum in double precision; [out channels, pixels].
std::vector<double> plain(const Graph& graph, const Tensor& input, const Size& size, bool silu) {
  const native::Program program = native::lower(graph);  // batch norm is folded there
  const auto layer = std::ranges::find_if(
      program.instructions, [](const native::Instruction& i) { return i.kind == native::Kind::conv_f32; });
  const auto weight = layer->weight.values<float>(), bias = layer->bias.values<float>(), x = input.values<float>();
  std::vector<double> out;
  for (int64_t o = 0; o < size.out_channels; ++o) {
    for (int64_t y = 0; y < size.height; ++y) {
      for (int64_t column = 0; column < size.width; ++column) {
        double sum = bias[static_cast<size_t>(o)];
        for (int64_t c = 0; c < size.in_channels; ++c) {
          for (int64_t i = 0; i < 9; ++i) {
            const int64_t row = y + i / 3 - 1, at = column + i % 3 - 1;
            if (row < 0 || row >= size.height || at < 0 || at >= size.width) continue;
            sum += static_cast<double>(x[static_cast<size_t>((c * size.height + row) * size.width + at)]) *
                   static_cast<double>(weight[static_cast<size_t>((o * size.in_channels + c) * 9 + i)]);
          }
        }
        out.push_back(silu ? sum / (1 + std::exp(-sum)) : sum);
      }
    }
  }
  return out;
}

const std::vector<Size> kSizes{{16, 16, 8, 8},  {17, 16, 9, 13}, {33, 40, 20, 20},  {64, 80, 12, 7}, {32, 33, 16, 16},
                               {48, 56, 31, 5}, {80, 32, 5, 30}, {129, 34, 10, 10}, {16, 255, 8, 5}, {13, 16, 9, 9}};

TEST(WinogradF32, NearThePlainSumAndTheSameBitsEverywhere) {
  for (const Size& size : kSizes) {
    for (const bool silu : {true, false}) {
      const std::string what =
          fmt::format("{} to {}, {} x {}", size.in_channels, size.out_channels, size.height, size.width);
      const Graph graph = one_layer(size, kThree, silu);
      ASSERT_TRUE(by_winograd(graph, native::Isa::plain)) << what;
      const std::vector<Tensor> inputs{floats(graph, 1), floats(graph, 2)};
      const std::vector<Tensor> expected = run(graph, native::Isa::plain, 1, inputs);
      for (size_t k = 0; k < inputs.size(); ++k) {
        const std::vector<double> wanted = plain(graph, inputs[k], size, silu);
        const auto found = expected[k].values<float>();
        ASSERT_EQ(found.size(), wanted.size());
        double squares = 0, errors = 0;
        for (size_t i = 0; i < wanted.size(); ++i) {
          squares += wanted[i] * wanted[i];
          errors += std::pow(static_cast<double>(found[i]) - wanted[i], 2);
        }
        EXPECT_LT(std::sqrt(errors / squares), 3e-6) << what;
      }
      for (const native::Isa isa : native::available_isas()) {
        for (const int threads : {1, 3}) {
          EXPECT_EQ(run(graph, isa, threads, inputs), expected) << what << " " << native::to_string(isa);
        }
      }
    }
  }
}

// What a layer's neighbours hold must not come into it: the second image's answer is that of the image alone.
TEST(WinogradF32, ImagesBeforeLeaveNothing) {
  const Graph graph = one_layer({16, 32, 9, 11}, kThree, true);
  Tensor large = floats(graph, 1);
  for (float& x : large.mutable_values<float>()) x = 1e30f;
  const Tensor image = floats(graph, 2);
  for (const native::Isa isa : native::available_isas()) {
    EXPECT_EQ(run(graph, isa, 2, {large, image})[1], run(graph, isa, 2, {image})[0]) << native::to_string(isa);
  }
}

// The same layers on every instruction set: else bits would differ.
TEST(WinogradF32, OthersAreLeftAlone) {
  for (const native::Isa isa : native::available_isas()) {
    const auto uses = [&](const Size& size, const graph::ConvAttributes& attributes) {
      return by_winograd(one_layer(size, attributes, true), isa);
    };
    EXPECT_TRUE(uses({16, 16, 8, 8}, kThree));
    EXPECT_TRUE(uses({12, 16, 8, 8}, kThree));
    EXPECT_FALSE(uses({11, 16, 8, 8}, kThree)) << "few channels";
    EXPECT_FALSE(uses({16, 15, 8, 8}, kThree));
    EXPECT_FALSE(uses({16, 16, 4, 12}, kThree)) << "three tiles";
    EXPECT_FALSE(uses({16, 16, 8, 8}, {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}));
    EXPECT_FALSE(uses({16, 16, 8, 8}, {.kernel = {3, 3}, .stride = {1, 1}, .padding = {0, 0}}));
    EXPECT_FALSE(uses({16, 16, 9, 9}, {.kernel = {3, 3}, .stride = {1, 1}, .padding = {2, 2}, .dilation = {2, 2}}));
    EXPECT_FALSE(uses({32, 32, 8, 8}, {.kernel = {3, 3}, .stride = {1, 1}, .padding = {1, 1}, .groups = 2}));
    EXPECT_FALSE(uses({16, 16, 8, 8}, {.kernel = {1, 1}}));
  }
}

}  // namespace
}  // namespace quench::runtime
