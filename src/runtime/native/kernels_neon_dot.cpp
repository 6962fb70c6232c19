#include <arm_neon.h>

#include "runtime/native/kernels.h"
#include "runtime/native/kernels_of.h"

namespace quench::runtime::native {
namespace {

#include "runtime/native/neon_vector.inc"

struct V : NeonVector {
  using Acc = int32x4_t;
  using W = int8x16_t;
  using X = int8x16_t;
  using Block = int8x16_t;  ///< sixteen values less 128
  static constexpr int kU8Vectors = 4, kF32Vectors = 4, kQuads = 4;
  static constexpr int kU8Pixels[4] = {8, 8, 8, 6}, kF32Pixels[4] = {8, 8, 6, 6};
  static constexpr int32_t kOffset = 128;
  static constexpr bool kPairs = false;
  static constexpr int32_t kNarrowStep = 0;
  static constexpr int64_t kNarrowLeast = 1;
  static constexpr int32_t kPairLimit = 0;
  static constexpr int kShorts = 0;

  static Acc zero() { return vdupq_n_s32(0); }
  static W spread_weights(Raw raw) { return raw; }
  static X load_quad(const uint8_t* p) {
    uint32_t quad;
    __builtin_memcpy(&quad, p, 4);
    return vreinterpretq_s8_u32(vdupq_n_u32(quad ^ 0x80808080u));
  }
  static Block load_block(const uint8_t* p) { return vreinterpretq_s8_u8(veorq_u8(vld1q_u8(p), vdupq_n_u8(0x80))); }
  static Acc dot(Acc acc, X x, W w) { return vdotq_s32(acc, x, w); }
  template <int J>
  static Acc dot_of(Acc acc, Block x, W w) {
    return vdotq_laneq_s32(acc, w, x, J);
  }
  static I finish(Acc acc) { return acc; }
};

#include "runtime/native/kernel_body.inc"

}  // namespace

extern const Kernels kNeonDotKernels = make_kernels(Isa::neon_dot);

}  // namespace quench::runtime::native
