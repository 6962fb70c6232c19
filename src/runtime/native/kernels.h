#pragma once

#include <cstddef>
#include <cstdint>

#include "graph/graph.h"
#include "runtime/native/isa.h"
#include "runtime/native/silu_terms.h"
#include "runtime/native/wide_depth.h"
#include "runtime/native/winograd_points.h"

/// The inner loops, one table of functions for each instruction set. Values lie as pixels of channels (NHWC); steps
/// between pixels and rows are free, so that a value can be part of a wider one (concat, split). Every function
/// computes each value by the same operations in the same order whatever the instruction set (docs/quantization.md).
namespace quench::runtime::native {

/// Rows of pixels of channels, in memory. Steps count elements.
template <typename T>
struct Plane {
  T* data = nullptr;  ///< pixel (0,0), channel 0
  int64_t height = 0, width = 0, channels = 0;
  int64_t row_step = 0, pixel_step = 0;
};

/// Where a convolution reads and writes. Output pixels are numbered row by row. All steps count bytes.
struct ConvShape {
  int64_t out_width = 0;
  ptrdiff_t in_row_step = 0, in_pixel_step = 0;    ///< between the windows of neighbouring outputs
  ptrdiff_t out_row_step = 0, out_pixel_step = 0;  ///< between neighbouring outputs
  const ptrdiff_t* taps = nullptr;                 ///< starts of the window's runs of consecutive values
  int64_t tap_count = 0;
  int64_t run = 0;       ///< length of a run: groups of 4 (u8) or values (f32)
  int64_t channels = 0;  ///< of the output
};

/// Where a convolution's weights are packed without their zeros (sparse_blocks.h): a list for each vector of output
/// channels.
struct BlockLists {
  const int64_t* first = nullptr;  ///< block that each vector begins with; the end. nullptr: weights are not sparse
  const ptrdiff_t* at = nullptr;   ///< of each block: bytes from the window's start to the values that it multiplies
};

/// acc = bias + sum(x * w), exact int32 (x: u8, zero points are in the bias). Then one of
///   u8:  q = round_half_even(clamp(float(acc) * multiplier, low - zero_point, high - zero_point)) + zero_point,
///        then table[q] where there is a table;
///   u8 behind silu: float(acc) * multiplier is the real value x, and silu(x) (silu_terms.h) times `steps` is clamped
///   and
///        rounded;
///   u8, dyadic: q = clamp((acc * dyadic + 2^(shift-1)) >> shift, low - zero_point, high - zero_point) + zero_point, in
///        64-bit integers, then the table; or
///   f32: activation(float(acc) * multiplier), or activation(fma(float(acc), multiplier, offset)) where there is one.
struct ConvU8 {
  ConvShape shape;
  const uint8_t* input = nullptr;   ///< window of output pixel 0
  const int8_t* weights = nullptr;  ///< packed (pack.h), or blocks
  int64_t narrow_steps = 0;         ///< whose sums fit 16 bits (narrow_steps.h); 0: all are of 32 bits
  BlockLists blocks;                ///< of lanes x 4
  BlockLists rest;                  ///< of what was split off the weights (large_pairs.h)
  const int8_t* rest_weights = nullptr;
  const int32_t* bias = nullptr;      ///< padded to whole vectors
  const float* multiplier = nullptr;  ///< padded to whole vectors
  const int32_t* dyadic = nullptr;    ///< padded to whole vectors, with `shift`; nullptr: floats
  const int32_t* shift = nullptr;
  const float* offset = nullptr;  ///< padded to whole vectors; nullptr: none
  const int16_t* wide = nullptr;  ///< conv_wide: weights of 16 bits in its order (pack.h), in place of `weights`
  int64_t wide_depth = 0;         ///< conv_wide: input channels, padded to short_step
  uint8_t* out_u8 = nullptr;      ///< one of the two
  float* out_f32 = nullptr;
  int32_t zero_point = 0, low = 0, high = 255;
  const uint8_t* table = nullptr;
  float steps = 1;  ///< u8 behind silu: 1 / scale of the output
  graph::Activation activation = graph::Activation::none;
};

constexpr int64_t kWinogradPoints = 36;

/// What a convolution of 3 x 3 by Winograd's F(4x4, 3x3) reads. Its outputs are tiles of 4 x 4, numbered row by row.
template <typename T>
struct WinogradTiles {
  const T* input = nullptr;                      ///< pixel (-1,-1) of the input, which has a border of one pixel
  ptrdiff_t in_row_step = 0, in_pixel_step = 0;  ///< values
  int64_t out_height = 0, out_width = 0, in_channels = 0;
  int64_t depth = 0;  ///< of a tile's values: in_channels in whole vectors
};

/// In integers (winograd.h).
struct WinogradU8 : WinogradTiles<uint8_t> {
  ConvU8 finish;                     ///< what sums become, and where: its input, weights and taps are not used
  const int16_t* weights = nullptr;  ///< winograd_weights()
};

/// In floats (winograd_f32.h).
struct WinogradF32 : WinogradTiles<float> {
  int64_t out_channels = 0;
  const float* weights = nullptr;  ///< winograd_weights_f32()
  const float* bias = nullptr;     ///< padded to whole vectors
  float* output = nullptr;
  ptrdiff_t out_row_step = 0, out_pixel_step = 0;  ///< values
  graph::Activation activation = graph::Activation::none;
};

/// What the kernels work in: [36][tiles][depth] values, and [36][tiles][vectors of a pass] sums.
template <typename Value, typename Sum>
struct WinogradMemory {
  int64_t tiles = 0;  ///< at once
  Value* values = nullptr;
  Sum* sums = nullptr;
};
using WinogradMemoryU8 = WinogradMemory<int16_t, int32_t>;
using WinogradMemoryF32 = WinogradMemory<float, float>;

/// acc = bias, then acc = fma(x, w, acc) over the window in order, or over its blocks; activation(acc).
struct ConvF32 {
  ConvShape shape;
  const float* input = nullptr;
  const float* weights = nullptr;
  BlockLists blocks;  ///< of lanes x 1
  const float* bias = nullptr;
  float* output = nullptr;
  graph::Activation activation = graph::Activation::none;
};

/// q = round_half_even(clamp((a - zero_a) * scale_a + (b - zero_b) * scale_b, ...)) + zero_point; the scales are those
/// of the inputs over that of the output, products and sum rounded each. With a shift, in 32-bit integers:
/// q = clamp(((a - zero_a) * dyadic_a + (b - zero_b) * dyadic_b + 2^(shift-1)) >> shift, ...) + zero_point.
struct AddU8 {
  int32_t zero_a = 0, zero_b = 0;
  float scale_a = 1, scale_b = 1;
  int32_t dyadic_a = 0, dyadic_b = 0, shift = 0;  ///< 0: floats
  int32_t zero_point = 0, low = 0, high = 255;
};

/// q = round_half_even(clamp(x / scale, ...)) + zero_point.
struct Affine {
  float scale = 1;
  int32_t zero_point = 0, low = 0, high = 255;
};

struct Extremes {
  float low = 0, high = 0;
  float check = 0;  ///< NaN where a value is not finite: low and high are any numbers then
};

enum class Unary { silu, sigmoid, relu };

/// Fewer narrow steps than these are added to 32 bits one by one: a loop of so few costs more than it saves.
constexpr int64_t kLeastNarrowLoop = 4;

struct Kernels {
  Isa isa = Isa::plain;
  int lanes = 1;          ///< of a vector of 32-bit values
  int u8_vectors = 1;     ///< vectors of output channels that one pass takes at most
  int f32_vectors = 1;    ///< as u8_vectors
  int32_t u8_offset = 0;  ///< subtracted from x before it is multiplied (128: s8 products); the bias makes up for it
  bool u8_pairs =
      false;  ///< weights of a vector: values 0 and 1 of every channel, then 2 and 3; else 0 to 3 of every channel

  /// The most that a step of products of weights of 1 adds to a sum of 16 bits; 0: sums have 32 bits.
  int32_t narrow_step = 0;
  int64_t narrow_least = 1;  ///< fewer steps in 16 bits than this do not pay
  /// Neighbouring weights of one sign may add up to this where products are added in 16 bits: layers with few larger
  /// pairs are split (large_pairs.h). 0: they are not.
  int32_t pair_limit = 0;

  /// Output pixels [begin, end).
  void (*conv_u8)(const ConvU8&, int64_t begin, int64_t end) = nullptr;
  void (*conv_f32)(const ConvF32&, int64_t begin, int64_t end) = nullptr;
  /// As conv_u8, of one tap, with weights of 16 bits.
  void (*conv_wide)(const ConvU8&, int64_t begin, int64_t end) = nullptr;
  int short_step = 1;    ///< weights of 16 bits: input channels are padded to a multiple of it
  int shorts_a_dot = 1;  ///< weights of 16 bits: input channels whose weights of an output channel lie side by side
  /// Tiles [begin, end).
  void (*winograd_f32)(const WinogradF32&, int64_t begin, int64_t end, WinogradMemoryF32 memory) = nullptr;
  /// Tiles [begin, end); nullptr where the instruction set gains nothing by it.
  void (*winograd_u8)(const WinogradU8&, int64_t begin, int64_t end, WinogradMemoryU8 memory) = nullptr;
  int shorts = 0;             ///< 16-bit values of a vector, where there is winograd_u8
  int winograd_channels = 0;  ///< of input and output from which on it is faster
  int winograd_vectors = 0;   ///< of output channels in a pass
  /// Rows [begin, end) of the output.
  void (*table)(const uint8_t* table, Plane<const uint8_t> in, Plane<uint8_t> out, int64_t begin,
                int64_t end) = nullptr;
  void (*add_u8)(const AddU8&, Plane<const uint8_t> a, Plane<const uint8_t> b, Plane<uint8_t> out, int64_t begin,
                 int64_t end) = nullptr;
  void (*add_f32)(Plane<const float> a, Plane<const float> b, Plane<float> out, graph::Activation activation,
                  int64_t begin, int64_t end) = nullptr;
  void (*mul_f32)(Plane<const float> a, Plane<const float> b, Plane<float> out, int64_t begin, int64_t end) = nullptr;
  void (*unary_f32)(Unary, Plane<const float> in, Plane<float> out, int64_t begin, int64_t end) = nullptr;
  void (*quantize)(const Affine&, Plane<const float> in, Plane<uint8_t> out, int64_t begin, int64_t end) = nullptr;
  /// Smallest and largest of the values of rows [begin, end) and 0, and 0, or NaN where one of them is not finite.
  void (*extremes)(Plane<const float> in, int64_t begin, int64_t end, Extremes& out) = nullptr;
  void (*dequantize)(const Affine&, Plane<const uint8_t> in, Plane<float> out, int64_t begin, int64_t end) = nullptr;
  void (*max_pool_u8)(const graph::PoolAttributes&, Plane<const uint8_t> in, Plane<uint8_t> out, int64_t begin,
                      int64_t end) = nullptr;
  void (*max_pool_f32)(const graph::PoolAttributes&, Plane<const float> in, Plane<float> out, int64_t begin,
                       int64_t end) = nullptr;
  /// Multiplies in registers alone and returns how many products it made: the instruction set's peak, when timed; of
  /// integers that of layers with these narrow_steps.
  int64_t (*burn_u8)(int64_t rounds, int64_t narrow_steps) = nullptr;
  int64_t (*burn_f32)(int64_t rounds) = nullptr;
  int64_t (*burn_s16)(int64_t rounds) = nullptr;  ///< of 16-bit values, where there is winograd_u8
  /// Pixels of channels to planes of pixels: out[c * plane + p] = in[p * pixel_step + c]. readable: how many values of
  /// a pixel are memory, >= channels.
  void (*to_planar)(const float* in, int64_t pixels, int64_t channels, int64_t readable, int64_t pixel_step, float* out,
                    int64_t plane) = nullptr;
};

/// The kernels, or nullptr where this build does not hold them. Does not ask the processor.
const Kernels* kernels_for(Isa isa);

/// Vectors of output channels in each pass: `total` in passes of at most `most`, as even as can be. Pass i of n.
constexpr int64_t pass_count(int64_t total, int64_t most) { return (total + most - 1) / most; }
constexpr int64_t pass_begin(int64_t total, int64_t passes, int64_t i) { return total * i / passes; }

}  // namespace quench::runtime::native
