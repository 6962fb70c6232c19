// First convolutions of 6 x 6 with stride 2 as ones of 3 x 3 over squares of pixels: the same sums.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/rng.h"
#include "graph_samples.h"
#include "native_testing.h"
#include "runtime/native/engine.h"
#include "runtime/native/isa.h"

namespace quench::runtime {
namespace {

using graph::Graph;

const graph::ConvAttributes kSix{.kernel = {6, 6}, .stride = {2, 2}, .padding = {2, 2}};

struct Image {
  int64_t channels, height, width;
};

/// An image into a first convolution. shared: another layer reads the image, too, so that its pixels stay.
Graph model(const Image& image, bool shared, const graph::ConvAttributes& attributes = kSix) {
  graph::samples::Builder builder(7);
  const auto x = builder.input("x", {1, image.channels, image.height, image.width});
  const auto a = builder.node("act", graph::Op::silu, {builder.conv("first", x, 16, attributes, true)});
  builder.output(builder.conv("last", a, 5, {.kernel = {1, 1}}));
  if (shared) builder.output(builder.conv("other", x, 2, {.kernel = {1, 1}}));
  return builder.graph;
}

int64_t side_of(const Graph& graph, native::Isa isa = native::Isa::plain) {
  const native::Engine engine(native::lower(graph), *native::kernels_for(isa), 1);
  const native::Program& program = engine.program();
  return std::ranges::find(program.instructions, native::Kind::load, &native::Instruction::kind)->side;
}

template <typename T>
Tensor drawn(const Graph& graph, DType type) {
  Rng rng(5, "pixels");
  Tensor out(type, graph.edge(graph.inputs[0]).shape);
  for (T& x : out.mutable_values<T>()) x = static_cast<T>(type == DType::u8 ? rng.below(256) : rng.uniform(-0.3, 2));
  return out;
}

// Odd numbers of squares, one channel, three and more.
const std::vector<Image> kImages{{3, 32, 32}, {3, 10, 38}, {1, 16, 18}, {5, 14, 12}};

TEST(FirstPixels, OfBytesGiveTheSameIntegers) {
  for (const Image& image : kImages) {
    for (const bool pixels : {true, false}) {  // bytes, or floats that are quantized
      const Graph wide = graph::samples::quantized(model(image, false), {.pixels = pixels});
      const Graph plain = graph::samples::quantized(model(image, true), {.pixels = pixels});
      for (const native::Isa isa : native::available_isas()) {
        const bool pays = native::kernels_for(isa)->narrow_step > 0;
        ASSERT_EQ(side_of(wide, isa), pays ? 2 : 1) << native::to_string(isa);
        ASSERT_EQ(side_of(plain, isa), 1) << native::to_string(isa);
      }
      const Tensor input = pixels ? drawn<uint8_t>(wide, DType::u8) : drawn<float>(wide, DType::f32);
      const Tensor expected = run_native(plain, native::Isa::plain, 1, input).at(0);
      for (const native::Isa isa : native::available_isas()) {
        for (const int threads : {1, 3}) {
          EXPECT_EQ(run_native(wide, isa, threads, input).at(0), expected)
              << native::to_string(isa) << " " << image.channels << " " << image.height << " " << pixels;
        }
      }
    }
  }
}

TEST(FirstPixels, OfFloatsGiveTheSameSumsButForRounding) {
  for (const Image& image : kImages) {
    const Graph wide = model(image, false), plain = model(image, true);
    ASSERT_EQ(side_of(wide), 2);
    const Tensor input = drawn<float>(wide, DType::f32);
    const Tensor other = run_native(plain, native::Isa::plain, 1, input).at(0);
    const Tensor expected = run_native(wide, native::Isa::plain, 1, input).at(0);
    double largest = 0, most = 0;
    for (size_t i = 0; i < expected.values<float>().size(); ++i) {
      largest = std::max(largest, std::abs(double{other.values<float>()[i]}));
      most = std::max(most, std::abs(double{expected.values<float>()[i]} - double{other.values<float>()[i]}));
    }
    EXPECT_LT(most, 1e-5 * largest);
    for (const native::Isa isa : native::available_isas()) {
      for (const int threads : {1, 3}) {
        EXPECT_EQ(run_native(wide, isa, threads, input).at(0), expected) << native::to_string(isa);
      }
    }
  }
}

TEST(FirstPixels, OtherFirstLayersAreLeftAlone) {
  EXPECT_EQ(side_of(model({3, 32, 32}, false)), 2);
  EXPECT_EQ(side_of(model({3, 31, 32}, false)), 1) << "an odd side";
  EXPECT_EQ(side_of(model({3, 32, 31}, false)), 1);
  EXPECT_EQ(side_of(model({3, 32, 32}, false, {.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}})), 1);
  EXPECT_EQ(side_of(model({3, 32, 32}, false, {.kernel = {6, 6}, .stride = {2, 2}, .padding = {1, 1}})), 1);
  EXPECT_EQ(side_of(model({3, 32, 32}, false, {.kernel = {6, 6}, .stride = {1, 1}, .padding = {2, 2}})), 1);
  EXPECT_EQ(side_of(model({4, 32, 32}, false, {.kernel = {6, 6}, .stride = {2, 2}, .padding = {2, 2}, .groups = 2})),
            1);
}

}  // namespace
}  // namespace quench::runtime
