// Integer factors b / 2^c: which ones are taken, how products are rounded, and what the engine refuses.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/rng.h"
#include "graph_samples.h"
#include "integer_executor.h"
#include "runtime/native/dyadic.h"
#include "runtime/native/isa.h"
#include "runtime/native/kernels.h"
#include "runtime/native/native.h"

namespace quench::runtime {
namespace {

using native::Dyadic;
using native::dyadic_of;
using native::dyadic_pair;
using native::times;

constexpr int32_t kMost = std::numeric_limits<int32_t>::max();

TEST(Dyadic, TakesTheNearestOf31Bits) {
  Rng rng(1, "factors");
  for (int i = 0; i < 10000; ++i) {
    const double factor = std::ldexp(rng.uniform(0.5, 1), static_cast<int>(rng.below(45)) - 31);
    const Dyadic found = dyadic_of(factor, 1 << 16, "node");
    EXPECT_GE(found.multiplier, 1 << 30);
    EXPECT_GE(found.shift, 1);
    EXPECT_LE(found.shift, 62);
    EXPECT_LE(std::abs(std::ldexp(found.multiplier, -found.shift) - factor), std::ldexp(0.5, -found.shift));
  }
  for (int power = -31; power < 10; ++power) {  // powers of two are exact
    const Dyadic found = dyadic_of(std::ldexp(1.0, power), 1 << 16, "node");
    EXPECT_EQ(found.multiplier, 1 << 30);
    EXPECT_EQ(found.shift, 30 - power);
  }
  const Dyadic up = dyadic_of(std::nextafter(0.25, 0.0), 1 << 16, "node");  // rounds up to a bit more
  EXPECT_EQ(up.multiplier, 1 << 30);
  EXPECT_EQ(up.shift, 32);
}

TEST(Dyadic, SmallFactorsHaveFewerBitsAndAtLastNone) {
  const Dyadic small = dyadic_of(std::ldexp(1.5, -40), kMost, "node");
  EXPECT_EQ(small.shift, 62);
  EXPECT_EQ(small.multiplier, 3 << 21);
  for (const double none : {std::ldexp(1.0, -64), 1e-300, 0.0}) {
    const Dyadic found = dyadic_of(none, kMost, "node");
    EXPECT_EQ(found.multiplier, 0);
    EXPECT_EQ(times(kMost, found), 0);
    EXPECT_EQ(times(-kMost, found), 0);
  }
}

TEST(Dyadic, RoundsHalvesUp) {
  const Dyadic half = dyadic_of(0.5, kMost, "node");
  for (const auto& [value, expected] : {std::pair{-3, -1}, {-2, -1}, {-1, 0}, {0, 0}, {1, 1}, {2, 1}, {3, 2}}) {
    EXPECT_EQ(times(value, half), expected) << value;
  }
  Rng rng(2, "products");
  for (int i = 0; i < 10000; ++i) {  // beside long double, which holds these products
    const double factor = std::ldexp(rng.uniform(0.5, 1), -static_cast<int>(rng.below(40)) - 1);
    const auto value = static_cast<int32_t>(rng.uniform(-1, 1) * kMost);
    const Dyadic found = dyadic_of(factor, kMost, "node");
    const long double exact = std::ldexp(static_cast<long double>(value) * found.multiplier, -found.shift);
    EXPECT_EQ(times(value, found), static_cast<int32_t>(std::floor(exact + 0.5L))) << value << " * " << factor;
  }
}

std::string refusal(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
    return error.what();
  }
  return "";
}

TEST(Dyadic, LargeFactorsAreRefused) {
  EXPECT_NE(refusal([] { dyadic_of(8, 1 << 27, "conv7"); }).find("2^30 or more (node conv7)"), std::string::npos);
  EXPECT_EQ(refusal([] { dyadic_of(8, (1 << 27) - 1, "conv7"); }), "");
  EXPECT_NE(refusal([] { dyadic_of(std::nan(""), 1, "conv7"); }), "");
  EXPECT_NE(refusal([] { dyadic_of(std::numeric_limits<double>::infinity(), 1, "conv7"); }), "");
  EXPECT_NE(refusal([] { dyadic_of(std::nextafter(std::ldexp(1.0, 30), 0.0), 1, "conv7"); }), "");  // no shift is left
  EXPECT_EQ(dyadic_of(1e30, 0, "conv7").multiplier, 0);  // of nothing but zeros
  EXPECT_NE(refusal([] { dyadic_pair(1, 1 << 20, "sum"); }).find("(node sum)"), std::string::npos);
  EXPECT_NE(refusal([] { dyadic_pair(std::nan(""), 1, "sum"); }), "");
}

TEST(Dyadic, PairsShareAShiftAndStayInInt32) {
  Rng rng(3, "pairs");
  for (int i = 0; i < 10000; ++i) {
    const double a = std::ldexp(rng.uniform(0.5, 1), static_cast<int>(rng.below(30)) - 11);
    const double b = a * std::ldexp(rng.uniform(0.5, 1), -static_cast<int>(rng.below(12)));
    const auto pair = dyadic_pair(a, b, "sum");
    EXPECT_LT(pair.a, 1 << 21);
    EXPECT_GE(pair.shift, 1);
    EXPECT_LE(pair.shift, 30);
    const int64_t most = 255 * (int64_t{pair.a} + pair.b) + (int64_t{1} << (pair.shift - 1));
    EXPECT_LE(most, kMost);
    const double unit = std::ldexp(0.5, -pair.shift);
    EXPECT_LE(std::abs(std::ldexp(pair.a, -pair.shift) - a), unit);
    EXPECT_LE(std::abs(std::ldexp(pair.b, -pair.shift) - b), unit);
  }
}

/// A convolution of 1 by 1, one channel, and an image of all bytes; its factor, and its largest sum, as they are given.
graph::Graph one_by_one(float factor, int32_t weight, int32_t bias) {
  graph::samples::Builder b(1);
  b.graph.metadata = {{"task", "classify"}, {"model", "border"}, {"requantization", "dyadic"}};
  const graph::EdgeId x = b.input("images", {1, 1, 16, 16});
  const graph::EdgeId made = b.conv("conv", x, 1, {.kernel = {1, 1}, .padding = {0, 0}}, true);
  b.output(b.node("pool", graph::Op::max_pool, {made}, graph::PoolAttributes{{1, 1}, {1, 1}, {0, 0}}));
  graph::Graph graph = graph::samples::quantized(b.graph, {.pixels = true});
  graph.edge(graph.inputs[0]).quant->scale = {1};
  graph::QuantParams& out = *graph.edge(made).quant;
  out.scale = {1};
  out.zero_point = {128};
  for (auto& [name, w] : graph.weights) {
    w.quant->scale = {factor};
    if (name == "conv.weight") w.value.mutable_values<int8_t>()[0] = static_cast<int8_t>(weight);
    if (name == "conv.bias") w.value.mutable_values<int32_t>()[0] = bias;
  }
  return graph;
}

TEST(Dyadic, BordersOfTheKernels) {
  struct Case {
    float factor;
    int32_t weight, bias;
  };
  const int32_t far = kMost - 255 * 127;
  for (const Case& c : {Case{0.5f, 1, -128},
                        {0.5f, -1, 100},
                        {0.25f, 3, -381},
                        {1.0f, 1, -128},
                        {3.0f, 1, -100},
                        {0.1f, 127, -16000},
                        {0x1p-23f, 127, far},
                        {0x1p-23f, -127, -far},
                        {0x1p-31f, 127, far},
                        {0x1p-40f, 127, far},
                        {0x1p-70f, 127, far},
                        {0x1p20f, 1, 0},
                        {0x1p20f, -1, 0}}) {
    const graph::Graph graph = one_by_one(c.factor, c.weight, c.bias);
    Tensor image(DType::u8, {1, 1, 16, 16});
    for (size_t i = 0; i < 256; ++i) image.mutable_values<uint8_t>()[i] = static_cast<uint8_t>(i);
    const auto expected = graph::reference::execute_dyadic(graph, image);
    graph::ModelFile file{"border.onnx", "", "", graph};
    for (const native::Isa isa : native::available_isas()) {
      const auto session =
          native_runtime()->load(file, {.threads = 1, .profile_path = "", .isa = native::to_string(isa)});
      EXPECT_EQ(session->run(image), expected) << native::to_string(isa) << ": factor " << c.factor;
    }
  }
  const std::string said = refusal([] {
    native_runtime()->load({"border.onnx", "", "", one_by_one(0x1p23f, 1, 0)}, {.threads = 1});
  });
  EXPECT_NE(said.find("2^30 or more (node conv)"), std::string::npos) << said;
}

TEST(Dyadic, ASiluOfFloatsIsRefused) {
  graph::samples::Builder b(1);
  b.graph.metadata = {{"task", "classify"}, {"model", "silu"}};
  const graph::EdgeId x = b.input("images", {1, 3, 8, 8});
  const graph::EdgeId made = b.conv("conv", x, 4, {.kernel = {3, 3}, .padding = {1, 1}}, true);
  b.output(b.node("pool", graph::Op::max_pool, {b.node("silu", graph::Op::silu, {made})},
                  graph::PoolAttributes{{1, 1}, {1, 1}, {0, 0}}));
  graph::Graph graph = graph::samples::quantized(b.graph, {.pixels = true});
  graph.edge(made).quant.reset();  // as `native` places quantizers without silu_tables
  const auto load = [&] { native_runtime()->load({"silu.onnx", "", "", graph}, {.threads = 1}); };
  EXPECT_NO_THROW(load());
  graph.metadata["requantization"] = "dyadic";
  const std::string said = refusal(load);
  EXPECT_NE(said.find("silu_tables"), std::string::npos) << said;
}

}  // namespace
}  // namespace quench::runtime
