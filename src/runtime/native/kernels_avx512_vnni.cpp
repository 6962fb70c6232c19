#include <immintrin.h>

#include "runtime/native/kernels.h"
#include "runtime/native/kernels_of.h"

namespace quench::runtime::native {
namespace {

#include "runtime/native/avx512_vector.inc"

struct V : Avx512Vector {
  using W = __m512i;
  using X = __m512i;
  static constexpr int kU8Vectors = 4;
  static constexpr int kU8Pixels[4] = {8, 8, 8, 6};
  static constexpr int32_t kNarrowStep = 0;
  static constexpr int32_t kPairLimit = 0;

  static W spread_weights(Raw raw) { return raw; }
  static Acc dot(Acc acc, X x, W w) { return _mm512_dpbusd_epi32(acc, x, w); }
  static I dot_s(I acc, W16 x, W16 w) { return _mm512_dpwssd_epi32(acc, x, w); }

  static void lookup(uint8_t* data, int64_t size, const uint8_t* table) {
    const __m512i t0 = _mm512_loadu_si512(table), t1 = _mm512_loadu_si512(table + 64);
    const __m512i t2 = _mm512_loadu_si512(table + 128), t3 = _mm512_loadu_si512(table + 192);
    for (int64_t i = 0; i < size; i += 64) {
      const __m512i q = _mm512_load_si512(data + i);
      const __m512i low = _mm512_permutex2var_epi8(t0, q, t1), high = _mm512_permutex2var_epi8(t2, q, t3);
      _mm512_store_si512(data + i, _mm512_mask_blend_epi8(_mm512_movepi8_mask(q), low, high));
    }
  }
};

#include "runtime/native/kernel_body.inc"

}  // namespace

extern const Kernels kAvx512VnniKernels = make_kernels(Isa::avx512_vnni);

}  // namespace quench::runtime::native
