#include <arm_neon.h>

#include "runtime/native/kernels.h"
#include "runtime/native/kernels_of.h"

namespace quench::runtime::native {
namespace {

#include "runtime/native/neon_vector.inc"

struct V : NeonVector {
  using Acc = int32x4_t;
  using W = int8x16_t;      ///< four channels: the first two weights of each, then the last two
  using X = int8x16_t;      ///< four values less 128: the first two four times, then the last two four times
  using Block = int8x16_t;  ///< sixteen values less 128
  static constexpr int kU8Vectors = 4, kF32Vectors = 4, kQuads = 4;
  static constexpr int kU8Pixels[4] = {8, 6, 4, 4}, kF32Pixels[4] = {8, 8, 6, 6};
  static constexpr int32_t kOffset = 128;
  static constexpr bool kPairs = true;
  static constexpr int32_t kNarrowStep = 2 * 128;
  static constexpr int64_t kNarrowLeast = 4;
  static constexpr int32_t kPairLimit = 0;
  static constexpr int kShorts = 8, kShortsADot = 1;
  static constexpr int kWinogradTiles = 4, kWinogradVectors = 4, kWinogradStep = 8, kWinogradChannels = 16;

  static Acc zero() { return vdupq_n_s32(0); }
  static W spread_weights(Raw raw) { return raw; }
  static Block load_block(const uint8_t* p) { return vreinterpretq_s8_u8(veorq_u8(vld1q_u8(p), vdupq_n_u8(0x80))); }
  template <int J>
  static X spread(Block x) {
    constexpr uint8_t a = 4 * J, b = a + 1, c = a + 2, d = a + 3;
    return vqtbl1q_s8(x, uint8x16_t{a, b, a, b, a, b, a, b, c, d, c, d, c, d, c, d});
  }
  static X load_quad(const uint8_t* p) {
    uint32_t quad;
    __builtin_memcpy(&quad, p, 4);
    return spread<0>(vreinterpretq_s8_u32(vdupq_n_u32(quad ^ 0x80808080u)));
  }
  /// Two products fit 16 bits: no weight is -128 (layer_weights.h). One piece of assembly: between intrinsics GCC moves
  /// sums to memory.
  static Acc dot(Acc acc, X x, W w) {
    int16x8_t products;
    asm("smull %1.8h, %2.8b, %3.8b\n\tsmlal2 %1.8h, %2.16b, %3.16b\n\tsadalp %0.4s, %1.8h"
        : "+w"(acc), "=&w"(products)
        : "w"(x), "w"(w));
    return acc;
  }
  template <int J>
  static Acc dot_of(Acc acc, Block x, W w) {
    return dot(acc, spread<J>(x), w);
  }
  using Sum16 = int16x8_t;
  using X16 = X;
  static Sum16 zero16() { return vdupq_n_s16(0); }
  static X16 load_quad16(const uint8_t* p) { return load_quad(p); }
  static Sum16 dot16(Sum16 sum, X16 x, Raw w) {
    asm("smlal %0.8h, %1.8b, %2.8b\n\tsmlal2 %0.8h, %1.16b, %2.16b" : "+w"(sum) : "w"(x), "w"(w));
    return sum;
  }
  template <int J>
  static Sum16 dot16_of(Sum16 sum, Block x, Raw w) {
    return dot16(sum, spread<J>(x), w);
  }
  static Acc add16(Acc acc, Sum16 sum) { return vpadalq_s16(acc, sum); }
  using S16 = int16x8_t;
  using W16 = int16x4_t;
  /// Values less 128, as other kernels take them.
  static S16 widen_s(const uint8_t* p) { return vmovl_s8(vreinterpret_s8_u8(veor_u8(vld1_u8(p), vdup_n_u8(0x80)))); }
  static S16 add_s(S16 a, S16 b) { return vaddq_s16(a, b); }
  static S16 sub_s(S16 a, S16 b) { return vsubq_s16(a, b); }
  template <int By>
  static S16 shift_s(S16 x) {
    return vshlq_n_s16(x, By);
  }
  static void store_s(int16_t* p, S16 x) { vst1q_s16(p, x); }
  static W16 load_s(const int16_t* p) { return vld1_s16(p); }
  static W16 load_pair(const int16_t* p) { return vld1_dup_s16(p); }
  static I dot_s(I acc, W16 x, W16 w) { return vmlal_s16(acc, x, w); }
  static I sub_i(I a, I b) { return vsubq_s32(a, b); }
  template <int By>
  static I shift_left(I x) {
    return vshlq_n_s32(x, By);
  }
  /// One of eight input channels: weights of two vectors of output channels lie in one register. Assembly, as in dot().
  template <int K, int Tiles, int Vectors>
  static void add_channel(const int16x8_t (&x)[Tiles], const int16_t* weights, I (&acc)[Tiles][Vectors]) {
#pragma GCC unroll 2
    for (int v = 0; v + 2 <= Vectors; v += 2) {
      const int16x8_t w = vld1q_s16(weights + v * kLanes);
#pragma GCC unroll 4
      for (int t = 0; t < Tiles; ++t) {
        asm("smlal %0.4s, %1.4h, %2.h[%3]" : "+w"(acc[t][v]) : "w"(w), "x"(x[t]), "i"(K));
        asm("smlal2 %0.4s, %1.8h, %2.h[%3]" : "+w"(acc[t][v + 1]) : "w"(w), "x"(x[t]), "i"(K));
      }
    }
    if constexpr (Vectors % 2 == 1) {
      const int16x4_t w = vld1_s16(weights + (Vectors - 1) * kLanes);
#pragma GCC unroll 4
      for (int t = 0; t < Tiles; ++t) {
        asm("smlal %0.4s, %1.4h, %2.h[%3]" : "+w"(acc[t][Vectors - 1]) : "w"(w), "x"(x[t]), "i"(K));
      }
    }
  }
  /// The products of `used` (whole eights) input channels; a tile's values are `depth` apart.
  template <int Tiles, int Vectors>
  static void add_products(const int16_t* values, int64_t depth, int64_t used, const int16_t* weights,
                           I (&acc)[Tiles][Vectors]) {
    for (int64_t k = 0; k < used; k += 8) {
      int16x8_t x[Tiles];
#pragma GCC unroll 4
      for (int t = 0; t < Tiles; ++t) x[t] = vld1q_s16(values + t * depth + k);
      constexpr int kStep = Vectors * kLanes;
      add_channel<0>(x, weights, acc);
      add_channel<1>(x, weights + kStep, acc);
      add_channel<2>(x, weights + 2 * kStep, acc);
      add_channel<3>(x, weights + 3 * kStep, acc);
      add_channel<4>(x, weights + 4 * kStep, acc);
      add_channel<5>(x, weights + 5 * kStep, acc);
      add_channel<6>(x, weights + 6 * kStep, acc);
      add_channel<7>(x, weights + 7 * kStep, acc);
      weights += 8 * kStep;
    }
  }
  static I finish(Acc acc) { return acc; }
};

#include "runtime/native/kernel_body.inc"

}  // namespace

extern const Kernels kNeonKernels = make_kernels(Isa::neon);

}  // namespace quench::runtime::native
