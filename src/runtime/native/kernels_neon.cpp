#include <arm_neon.h>

#include "runtime/native/kernels.h"
#include "runtime/native/kernels_of.h"

namespace quench::runtime::native {
namespace {

#include "runtime/native/neon_vector.inc"

struct V : NeonVector {
  /// Sums of pairs of products: channels 0 and 1, channels 2 and 3, two sums each.
  struct Acc {
    int32x4_t low, high;
  };
  using W = int8x16_t;  ///< four channels of four weights
  using X = int8x8_t;   ///< four values less 128, twice
  static constexpr int kU8Vectors = 2, kF32Vectors = 4;
  static constexpr int kU8Pixels[4] = {8, 6, 2, 2}, kF32Pixels[4] = {8, 8, 6, 6};
  static constexpr int32_t kOffset = 128;

  static Acc zero() { return {vdupq_n_s32(0), vdupq_n_s32(0)}; }
  static W load_weights(const int8_t* p) { return vld1q_s8(p); }
  static X load_quad(const uint8_t* p) {
    uint32_t quad;
    __builtin_memcpy(&quad, p, 4);
    return vreinterpret_s8_u32(vdup_n_u32(quad ^ 0x80808080u));
  }
  static Acc dot(const Acc& acc, X x, W w) {
    return {vpadalq_s16(acc.low, vmull_s8(x, vget_low_s8(w))), vpadalq_s16(acc.high, vmull_high_s8(vcombine_s8(x, x), w))};
  }
  static I finish(const Acc& acc) { return vpaddq_s32(acc.low, acc.high); }
};

#include "runtime/native/kernel_body.inc"

}  // namespace

extern const Kernels kNeonKernels = make_kernels(Isa::neon);

}  // namespace quench::runtime::native
