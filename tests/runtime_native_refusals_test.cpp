// Files that another tool could write: what the native engine takes from them as it stands there, and what it refuses
// by name instead of computing something else or falling over.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <limits>

#include "core/error.h"
#include "graph/verify.h"
#include "graph_samples.h"
#include "runtime/native/layout.h"
#include "runtime/native/native.h"
#include "runtime/native/thread_pool.h"

namespace quench::runtime {
namespace {

using graph::Graph;
using graph::QuantParams;

/// A convolution of 3 by 3, 4 to 3 channels, "conv", with a bias; int8 on uint8 unless `quantized` is false.
Graph convolution(bool quantized = true, int64_t channels = 4) {
  graph::samples::Builder b(3);
  b.graph.metadata = {{"task", "classify"}, {"model", "refusals"}};
  const graph::EdgeId x = b.input("images", {1, channels, 4, 5});
  b.output(b.conv("conv", x, 3, {.kernel = {3, 3}, .padding = {1, 1}}, true));
  return quantized ? graph::samples::quantized(b.graph, {.pixels = true}) : b.graph;
}

std::vector<Tensor> run(const Graph& graph) {
  graph::verify(graph);
  graph::ModelFile file;
  file.graph = graph;
  const graph::Edge& input = graph.edge(graph.inputs[0]);
  Tensor image(input.dtype, input.shape);
  for (int64_t i = 0; i < image.size(); ++i) {
    const auto at = static_cast<size_t>(i);
    if (input.dtype == DType::u8) {
      image.mutable_values<uint8_t>()[at] = static_cast<uint8_t>(i * 37 % 256);
    } else {
      image.mutable_values<float>()[at] = static_cast<float>(i % 7) - 2;
    }
  }
  return native_runtime()->load(file, {.threads = 1, .profile_path = "", .isa = ""})->run(image);
}

void expect_refused(const Graph& graph, const std::vector<std::string>& parts) {
  try {
    run(graph);
    ADD_FAILURE() << "runs; expected a refusal that says " << parts.at(0);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unsupported) << error.what();
    for (const std::string& part : parts)
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

void set_zero_points(graph::Weight& weight, int32_t zero_point) {
  for (int32_t& zero : weight.quant->zero_point) zero = zero_point;
}

/// The same real weights as uint8 with zero point 128.
void make_unsigned(graph::Weight& weight) {
  Tensor u8(DType::u8, weight.value.shape());
  for (size_t i = 0; i < u8.values<uint8_t>().size(); ++i) {
    u8.mutable_values<uint8_t>()[i] = static_cast<uint8_t>(weight.value.values<int8_t>()[i] + 128);
  }
  weight.value = u8;
  weight.quant->dtype = DType::u8;
  set_zero_points(weight, 128);
}

TEST(NativeRefusals, IntegerWeightsWithZeroPoints) {
  Graph graph = convolution();
  set_zero_points(graph.weights.at("conv.weight"), 0);
  graph.weights.at("conv.weight").quant->zero_point.back() = 5;  // of one channel
  expect_refused(graph, {"zero point 0, got int8 of 5", "node conv"});

  graph = convolution();
  make_unsigned(graph.weights.at("conv.weight"));
  expect_refused(graph, {"int8 weights", "uint8 of 128", "node conv"});
}

// A float input leaves the integer path: there a zero point is just subtracted.
TEST(NativeRefusals, FloatLayersSubtractTheZeroPoint) {
  Graph plain = convolution();
  plain.edge(plain.inputs[0]).quant.reset();
  plain.edge(plain.inputs[0]).dtype = DType::f32;
  const std::vector<Tensor> expected = run(plain);

  Graph shifted = plain;
  make_unsigned(shifted.weights.at("conv.weight"));
  EXPECT_EQ(run(shifted), expected);

  Graph moved = plain;
  graph::Weight& weight = moved.weights.at("conv.weight");
  for (int8_t& q : weight.value.mutable_values<int8_t>()) q = static_cast<int8_t>(q / 2);
  Graph halves = moved;
  for (int8_t& q : weight.value.mutable_values<int8_t>()) q = static_cast<int8_t>(q + 17);
  set_zero_points(weight, 17);
  EXPECT_EQ(run(moved), run(halves));
}

/// convolution() with scales whose products are exact.
Graph exact_scales() {
  Graph graph = convolution();
  graph.edge(graph.inputs[0]).quant->scale = {1.0f / 256};
  graph.weights.at("conv.weight").quant->scale.assign(3, 1.0f / 128);
  graph.weights.at("conv.bias").quant->scale.assign(3, 1.0f / 32768);
  return graph;
}

TEST(NativeRefusals, BiasInStepsOfItsOwn) {
  Graph graph = exact_scales();
  graph::Weight& bias = graph.weights.at("conv.bias");
  const std::vector<Tensor> expected = run(graph);
  // 8 times finer, and a few of these steps away.
  for (size_t c = 0; c < 3; ++c) {
    bias.quant->scale[c] /= 8;
    bias.value.mutable_values<int32_t>()[c] = bias.value.values<int32_t>()[c] * 8 + (c == 0 ? -3 : 3);
  }
  EXPECT_EQ(run(graph), expected);

  // Halves go to the even one.
  const auto with = [&](int32_t q, float factor) {
    Graph other = exact_scales();
    graph::Weight& b = other.weights.at("conv.bias");
    for (size_t c = 0; c < 3; ++c) {
      b.value.mutable_values<int32_t>()[c] = q;
      b.quant->scale[c] *= factor;
    }
    return run(other);
  };
  EXPECT_EQ(with(5, 0.5f), with(2, 1));
  EXPECT_EQ(with(7, 0.5f), with(4, 1));
  EXPECT_EQ(with(-5, 0.5f), with(-2, 1));
  EXPECT_NE(with(5, 0.5f), with(3, 1));
  EXPECT_EQ(with(1000, 1.000001f), with(1000, 1)) << "the same scale, multiplied in another order";

  for (float& scale : bias.quant->scale) scale = 1e6f;
  expect_refused(graph, {"does not fit int32", "node conv"});
}

TEST(NativeRefusals, FloatBiasBeyondItsSteps) {
  Graph graph = convolution();
  graph::Weight& bias = graph.weights.at("conv.bias");
  bias.quant.reset();
  bias.value = Tensor(DType::f32, {3});
  bias.value.mutable_values<float>()[1] = 1e9f;
  expect_refused(graph, {"does not fit int32", "node conv"});
}

TEST(NativeRefusals, SumsBeyondInt32) {
  Graph graph = convolution();
  for (int32_t& q : graph.weights.at("conv.bias").value.mutable_values<int32_t>())
    q = std::numeric_limits<int32_t>::max();
  expect_refused(graph, {"sums of channel 0", "int32", "node conv"});

  // 9 * 7372 products of 255 * 127 are more than 2^31, 9 * 7367 are not.
  for (const int64_t channels : {7372, 7367}) {
    Graph deep = convolution(true, channels);
    for (int8_t& q : deep.weights.at("conv.weight").value.mutable_values<int8_t>()) q = 127;
    for (int32_t& q : deep.weights.at("conv.bias").value.mutable_values<int32_t>()) q = 0;
    if (channels == 7367) {
      EXPECT_EQ(run(deep).size(), 1u);
    } else {
      expect_refused(deep, {"sums of channel 0", "node conv"});
    }
  }
}

/// A 1 by 1 convolution of [1,4,size,size] whose padding asks for memory of its own.
Graph padded(int64_t size, int64_t padding, int64_t stride) {
  graph::samples::Builder b(3);
  b.graph.metadata = {{"task", "classify"}, {"model", "refusals"}};
  const graph::EdgeId x = b.input("images", {1, 4, size, size});
  b.output(b.conv("conv", x, 4, {.kernel = {1, 1}, .stride = {stride, stride}, .padding = {padding, padding}}));
  return b.graph;
}

TEST(NativeRefusals, PaddingThatNoMemoryHolds) {
  constexpr int64_t kHuge = int64_t{1} << 30;
  expect_refused(padded(2, kHuge / 2 - 1, kHuge), {"'images'", "2^40 bytes"});  // 2^64 bytes
  expect_refused(padded(2, kHuge, kHuge), {"'images'", "2^40 bytes"});
  expect_refused(padded(2, kHuge / 1024, kHuge / 1024), {"'images'", "2^40 bytes"});
  EXPECT_EQ(run(padded(2, 0, kHuge)).at(0).shape(), (Shape{1, 4, 1, 1})) << "a stride that is never taken";
  EXPECT_EQ(run(padded(2, 3, 7)).at(0).shape(), (Shape{1, 4, 2, 2}));
}

/// Address space of this process, in bytes.
size_t address_space() {
  size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

[[noreturn]] void start_too_many_threads() {
  const size_t bytes = address_space() + (size_t{200} << 20);
  const rlimit limit{bytes, bytes};
  if (::setrlimit(RLIMIT_AS, &limit) != 0) std::_Exit(3);
  try {
    native::ThreadPool pool(4096);
  } catch (const Error& error) {
    const bool named = std::string(error.what()).find("cannot start 4096 threads") != std::string::npos;
    std::_Exit(error.kind() == ErrorKind::io && named ? 0 : 2);
  }
  std::_Exit(1);
}

TEST(NativeRefusalsDeathTest, ThreadsThatTheSystemDoesNotGive) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(start_too_many_threads(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace quench::runtime
