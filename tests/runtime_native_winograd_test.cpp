// Convolutions by Winograd's algorithm: the very integers of the plain sum, at the ends of every range.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "core/rng.h"
#include "graph_samples.h"
#include "native_testing.h"
#include "runtime/native/engine.h"
#include "runtime/native/isa.h"
#include "runtime/native/winograd.h"

namespace quench::runtime {
namespace {

using graph::Graph;

struct Size {
  int64_t in_channels, out_channels, height, width;
};

/// An image of `in_channels` bytes a pixel into a convolution of 3 x 3 with SiLU and one without, in integers.
Graph convolutions(const Size& size, graph::Op activation) {
  graph::samples::Builder builder(7);
  const graph::ConvAttributes three{.kernel = {3, 3}, .stride = {1, 1}, .padding = {1, 1}};
  const auto x = builder.input("x", {1, size.in_channels, size.height, size.width});
  const auto a = builder.node("act", activation, {builder.conv("first", x, size.out_channels, three, true)});
  const auto b = builder.conv("second", a, size.in_channels, three);
  builder.output(builder.conv("last", b, 5, {.kernel = {1, 1}}));
  return graph::samples::quantized(builder.graph, {.pixels = true});
}

/// fill(i) for each weight of a layer.
template <typename Fill>
void set_weights(Graph& graph, const std::string& layer, const Fill& fill) {
  auto values = graph.weights.at(layer + ".weight").value.mutable_values<int8_t>();
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int8_t>(fill(i));
}

Tensor bytes(const Graph& graph, const std::function<int(size_t)>& fill) {
  Tensor out(DType::u8, graph.edge(graph.inputs[0]).shape);
  const auto values = out.mutable_values<uint8_t>();
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint8_t>(fill(i));
  return out;
}

/// How many of the model's convolutions the engine makes with fewer products.
int by_winograd(const Graph& graph, native::Isa isa) {
  const native::Engine engine(native::lower(graph), *native::kernels_for(isa), 1);
  int count = 0;
  for (const native::Instruction& layer : engine.program().instructions) count += layer.products < layer.macs;
  return count;
}

void expect_same(const Graph& graph, const Tensor& input, const std::string& what) {
  const std::vector<Tensor> expected = run_native(graph, native::Isa::plain, 1, input);
  for (const native::Isa isa : native::available_isas()) {
    for (const int threads : {1, 3}) {
      EXPECT_EQ(run_native(graph, isa, threads, input), expected)
          << what << " " << native::to_string(isa) << " " << threads;
    }
  }
}

const std::vector<Size> kSizes{{16, 16, 8, 8},  {17, 16, 9, 13}, {33, 40, 20, 20},  {64, 80, 12, 7}, {32, 33, 16, 16},
                               {48, 56, 31, 5}, {80, 32, 5, 30}, {129, 34, 10, 10}, {13, 17, 9, 9}};

TEST(Winograd, RandomLayersOfEverySize) {
  Rng rng(3, "winograd");
  for (const graph::Op activation : {graph::Op::silu, graph::Op::relu}) {
    for (const Size& size : kSizes) {
      Graph graph = convolutions(size, activation);
      for (const char* layer : {"first", "second"}) {
        set_weights(graph, layer, [&](size_t) { return static_cast<int>(rng.below(255)) - 127; });
      }
      const Tensor input = bytes(graph, [&](size_t) { return static_cast<int>(rng.below(256)); });
      expect_same(graph, input,
                  fmt::format("{} to {}, {} x {}", size.in_channels, size.out_channels, size.height, size.width));
      for (const native::Isa isa : native::available_isas()) {
        const int least = native::kernels_for(isa)->winograd_channels;
        const auto pays = [&](int64_t in, int64_t out) { return least > 0 && out >= least && 4 * in >= 3 * least; };
        const int expected = pays(size.in_channels, size.out_channels) + pays(size.out_channels, size.in_channels);
        EXPECT_EQ(by_winograd(graph, isa), expected) << native::to_string(isa) << " " << size.in_channels;
      }
    }
  }
}

// Inputs of 0 and 255 and weights of -127 and 127 in the patterns that make each transformed value as large as it can
// be.
TEST(Winograd, TheEndsOfEveryRange) {
  Graph graph = convolutions({32, 32, 12, 12}, graph::Op::relu);
  const auto pattern = [](size_t kind, size_t i, size_t row, size_t column) {
    switch (kind) {
      case 0: return true;
      case 1: return row % 2 == 0;
      case 2: return column % 2 == 0;
      case 3: return (row + column) % 2 == 0;
      case 4: return row % 4 < 2;
      case 5: return column % 4 < 2;
      default: return i % 3 == 0;
    }
  };
  for (size_t of_weights = 0; of_weights < 7; ++of_weights) {
    set_weights(graph, "first", [&](size_t i) {
      return pattern(of_weights, i, i / 3 % 3, i % 3) ? 127 : of_weights == 0 ? 0 : -127;
    });
    for (size_t of_input = 0; of_input < 7; ++of_input) {
      const Tensor input = bytes(graph, [&](size_t i) { return pattern(of_input, i, i / 12 % 12, i % 12) ? 255 : 0; });
      expect_same(graph, input, fmt::format("weights {} input {}", of_weights, of_input));
    }
  }
}

// 64 times a sum must be an int32: 255 x 127 x 9 x 116 > 2^25.
TEST(Winograd, LayersWhoseSumsMayBeTooLargeAreSummedPlainly) {
  for (const auto& [channels, fits] : {std::pair<int64_t, bool>{112, true}, {128, false}}) {
    Graph graph = convolutions({channels, 32, 8, 8}, graph::Op::relu);
    set_weights(graph, "first", [](size_t) { return 127; });
    set_weights(graph, "second", [](size_t) { return 1; });
    for (const native::Isa isa : native::available_isas()) {
      if (native::kernels_for(isa)->winograd_u8 == nullptr) continue;
      EXPECT_EQ(by_winograd(graph, isa), fits ? 2 : 1) << native::to_string(isa);
    }
    expect_same(graph, bytes(graph, [](size_t) { return 255; }), "largest sums");
  }
}

TEST(Winograd, OthersAreLeftAlone) {
  const auto count = [](graph::ConvAttributes attributes, int64_t size) {
    graph::samples::Builder builder(7);
    const auto x = builder.input("x", {1, 64, size, size});
    const auto a = builder.node("act", graph::Op::silu, {builder.conv("first", x, 64, attributes)});
    builder.output(builder.conv("last", a, 5, {.kernel = {1, 1}}));
    int most = 0;
    for (const native::Isa isa : native::available_isas()) {
      most = std::max(most, by_winograd(graph::samples::quantized(builder.graph, {.pixels = true}), isa));
    }
    return most;
  };
  const bool any = std::ranges::any_of(
      native::available_isas(), [](native::Isa isa) { return native::kernels_for(isa)->winograd_u8 != nullptr; });
  EXPECT_EQ(count({.kernel = {3, 3}, .stride = {1, 1}, .padding = {1, 1}}, 16), any ? 1 : 0);
  EXPECT_EQ(count({.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}}, 16), 0);
  EXPECT_EQ(count({.kernel = {3, 3}, .stride = {1, 1}, .padding = {0, 0}}, 16), 0);
  EXPECT_EQ(count({.kernel = {3, 3}, .stride = {1, 1}, .padding = {2, 2}, .dilation = {2, 2}}, 16), 0);
  EXPECT_EQ(count({.kernel = {3, 3}, .stride = {1, 1}, .padding = {1, 1}, .groups = 2}, 16), 0);
  EXPECT_EQ(count({.kernel = {1, 1}}, 16), 0);
  EXPECT_EQ(count({.kernel = {3, 3}, .stride = {1, 1}, .padding = {1, 1}}, 4), 0) << "one tile";
}

}  // namespace
}  // namespace quench::runtime
