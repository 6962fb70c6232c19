// Float layers that read bytes, with weights of 16 bits: bounds of the error, sums within 32 bits, the same bits
// everywhere.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/rng.h"
#include "graph_samples.h"
#include "native_testing.h"
#include "random_graphs.h"
#include "runtime/native/engine.h"
#include "runtime/native/isa.h"
#include "runtime/native/wide_weights.h"

namespace quench::runtime {
namespace {

using graph::Graph;
using native::wide_weights;

Tensor weights_of(int64_t channels, int64_t depth, const std::function<float(int64_t, int64_t)>& value) {
  Tensor out(DType::f32, {channels, depth, 1, 1});
  const auto to = out.mutable_values<float>();
  for (int64_t o = 0; o < channels; ++o) {
    for (int64_t i = 0; i < depth; ++i) to[static_cast<size_t>(o * depth + i)] = value(o, i);
  }
  return out;
}

TEST(WideWeights, RoundToHalfAStepOfTheLargest) {
  Rng rng(1, "wide");
  const Tensor weight = weights_of(
      5, 64, [&](int64_t o, int64_t) { return static_cast<float>(rng.uniform(-1, 1) * std::pow(10.0, o - 2)); });
  const auto wide = wide_weights(weight);
  ASSERT_TRUE(wide);
  for (size_t o = 0; o < 5; ++o) {
    double largest = 0;
    for (size_t i = 0; i < 64; ++i) {
      const double w = weight.values<float>()[64 * o + i], q = wide->values[64 * o + i];
      largest = std::max(largest, std::abs(w));
      EXPECT_NEAR(w, q * static_cast<double>(wide->scale[o]), 0.501 * static_cast<double>(wide->scale[o]));
    }
    EXPECT_NEAR(wide->scale[o], largest / 32767, 1e-6 * largest / 32767);
  }
}

// The largest byte times every weight, all of one sign: where that would leave int32, steps are wider.
TEST(WideWeights, SumsStayWithinInt32) {
  for (const int64_t depth : {int64_t{1}, int64_t{256}, int64_t{258}, int64_t{400}, int64_t{520}}) {
    const auto wide = wide_weights(weights_of(1, depth, [](int64_t, int64_t) { return -0.75f; }));
    ASSERT_EQ(wide.has_value(), depth < 520) << depth;
    if (!wide) continue;
    int64_t sum = 0;
    for (const int16_t q : wide->values) sum += 255 * std::abs(int64_t{q});
    EXPECT_LE(sum, std::numeric_limits<int32_t>::max()) << depth;
    EXPECT_GE(wide->values[0], -32767);
    EXPECT_LE(wide->values[0], -16383) << "15 bits are left";
    EXPECT_NEAR(wide->values[0] * wide->scale[0], -0.75f, 1e-5f);
  }
}

TEST(WideWeights, LeavesTheRestInFloats) {
  const auto some = [](int64_t o, int64_t i) { return static_cast<float>(o + i + 1); };
  EXPECT_TRUE(wide_weights(weights_of(3, 8, some)));
  EXPECT_FALSE(wide_weights(weights_of(1, 1025, [](int64_t, int64_t i) { return i == 0 ? 1.0f : 1e-4f; })));
  for (const float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN(), 1e-42f}) {
    EXPECT_FALSE(wide_weights(weights_of(3, 8, [&](int64_t o, int64_t i) { return o == 1 ? bad : some(o, i); })));
  }
  const auto with_zeros = [&](int64_t zeros) {
    return weights_of(1, 8, [&](int64_t, int64_t i) { return i < zeros ? 0.0f : 1.0f; });
  };
  EXPECT_TRUE(wide_weights(with_zeros(1)));
  EXPECT_FALSE(wide_weights(with_zeros(2))) << "kernels of floats skip zeros";
}

/// Bytes into a float layer of 1 x 1.
Graph one_layer(int64_t in, int64_t out, int64_t height, int64_t width, int64_t stride, uint64_t seed) {
  graph::samples::Builder builder(seed);
  const auto x = builder.input("x", {1, in, height, width});
  builder.output(builder.conv("head", x, out, {.kernel = {1, 1}, .stride = {stride, stride}}, true));
  Graph graph = graph::samples::quantized(builder.graph, {.pixels = true});
  Rng rng(seed, "weights");
  graph::samples::make_float(graph, "head", rng);
  return graph;
}

/// The sum in double precision, and what rounding its weights may do to it.
void expect_near(const Graph& graph, const Tensor& input, const Tensor& output, int64_t stride) {
  const Tensor &weight = graph.weights.at("head.weight").value, &bias = graph.weights.at("head.bias").value;
  const int64_t in = weight.shape()[1], out = weight.shape()[0], width = input.shape()[3],
                plane = input.shape()[2] * width;
  const int64_t across = output.shape()[3], pixels = output.shape()[2] * across;
  const double scale = graph.edge(graph.inputs[0]).quant->scale[0];
  for (int64_t o = 0; o < out; ++o) {
    double largest = 0;
    for (int64_t i = 0; i < in; ++i) {
      largest =
          std::max(largest, std::abs(static_cast<double>(weight.values<float>()[static_cast<size_t>(o * in + i)])));
    }
    for (int64_t p = 0; p < pixels; ++p) {
      const int64_t from = p / across * stride * width + p % across * stride;
      double sum = bias.values<float>()[static_cast<size_t>(o)], sizes = 0;
      for (int64_t i = 0; i < in; ++i) {
        const double x = scale * input.values<uint8_t>()[static_cast<size_t>(i * plane + from)];
        sum += x * static_cast<double>(weight.values<float>()[static_cast<size_t>(o * in + i)]);
        sizes += x;
      }
      EXPECT_NEAR(output.values<float>()[static_cast<size_t>(o * pixels + p)], sum, sizes * largest / 65000 + 1e-5)
          << o << " " << p;
    }
  }
}

TEST(NativeWide, SumsAreThoseOfTheFloatsAndTheSameBitsEverywhere) {
  struct Case {
    int64_t in, out, height, width, stride;
  };
  for (const auto& [in, out, height, width, stride] :
       {Case{64, 255, 7, 9, 1}, Case{3, 5, 4, 4, 1}, Case{17, 33, 5, 3, 2}, Case{256, 16, 3, 3, 1},
        Case{31, 80, 12, 13, 1}, Case{600, 40, 9, 11, 1}, Case{1, 1, 1, 1, 1}}) {
    const Graph graph = one_layer(in, out, height, width, stride, 5);
    const native::Program program = native::lower(graph);
    ASSERT_EQ(program.instructions.back().kind, native::Kind::conv_w16) << in;
    const Tensor input = graph::samples::random_images(graph, 3, 1);
    const std::vector<Tensor> expected = run_native(graph, native::Isa::plain, 1, input);
    expect_near(graph, input, expected.at(0), stride);
    for (const native::Isa isa : native::available_isas()) {
      for (const int threads : {1, 2, 5}) {
        EXPECT_EQ(run_native(graph, isa, threads, input), expected)
            << native::to_string(isa) << " " << threads << " " << in;
      }
    }
  }
}

// The largest bytes and weights of one sign: the sum is the largest that there can be.
TEST(NativeWide, LargestSums) {
  for (const float sign : {1.0f, -1.0f}) {
    Graph graph = one_layer(500, 20, 2, 2, 1, 1);
    for (float& w : graph.weights.at("head.weight").value.mutable_values<float>()) w = sign;
    Tensor input(DType::u8, graph.edge(graph.inputs[0]).shape);
    for (uint8_t& x : input.mutable_values<uint8_t>()) x = 255;
    ASSERT_EQ(native::lower(graph).instructions.back().kind, native::Kind::conv_w16);
    for (const native::Isa isa : native::available_isas()) {
      expect_near(graph, input, run_native(graph, isa, 1, input).at(0), 1);
    }
  }
}

TEST(NativeWide, OtherFloatLayersStayInFloats) {
  graph::samples::Builder builder(2);
  const auto x = builder.input("x", {1, 8, 6, 6});
  builder.output(builder.conv("head", x, 4, {.kernel = {3, 3}, .padding = {1, 1}}));
  Graph graph = graph::samples::quantized(builder.graph, {.pixels = true});
  Rng rng(1, "weights");
  graph::samples::make_float(graph, "head", rng);
  EXPECT_EQ(native::lower(graph).instructions.back().kind, native::Kind::conv_f32);
  const Graph zeros = [] {
    Graph some = one_layer(8, 4, 3, 3, 1, 1);
    for (size_t i = 0; i < 8; ++i) some.weights.at("head.weight").value.mutable_values<float>()[i] = 0;
    return some;
  }();
  EXPECT_EQ(native::lower(zeros).instructions.back().kind, native::Kind::conv_f32);
}

}  // namespace
}  // namespace quench::runtime
