#include <immintrin.h>

#include "runtime/native/kernels.h"
#include "runtime/native/kernels_of.h"

namespace quench::runtime::native {
namespace {

#include "runtime/native/avx2_vector.inc"

struct V : Avx2Vector {
  /// Four bytes of each 32-bit lane as 16-bit pairs: bytes 0 and 2, bytes 1 and 3. vpmaddubsw would saturate; vpmaddwd
  /// does not (255 * 127 * 2 < 2^31).
  struct Pairs {
    __m256i even, odd;
  };
  using W = Pairs;
  using X = Pairs;
  static constexpr int kU8Pixels[4] = {6, 4, 2, 2};
  /// vpmaddubsw does not saturate where two products of the largest weight fit 16 bits.
  static constexpr int32_t kNarrowStep = 2 * 255;
  static constexpr int32_t kPairLimit = 128;  ///< 255 x 128 < 2^15

  static W spread_weights(Raw w) { return {_mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8), _mm256_srai_epi16(w, 8)}; }
  static X load_quad(const uint8_t* p) {
    const I x = Avx2Vector::load_quad(p);
    return {_mm256_and_si256(x, _mm256_set1_epi16(0xff)), _mm256_srli_epi16(x, 8)};
  }
  static Acc dot(Acc acc, const X& x, const W& w) {
    return _mm256_add_epi32(acc, _mm256_add_epi32(_mm256_madd_epi16(x.even, w.even), _mm256_madd_epi16(x.odd, w.odd)));
  }
  using Sum16 = __m256i;
  using X16 = __m256i;
  static Sum16 zero16() { return _mm256_setzero_si256(); }
  static X16 load_quad16(const uint8_t* p) { return Avx2Vector::load_quad(p); }
  static Sum16 dot16(Sum16 sum, X16 x, Raw w) { return _mm256_add_epi16(sum, _mm256_maddubs_epi16(x, w)); }
  static Acc add16(Acc acc, Sum16 sum) { return _mm256_add_epi32(acc, _mm256_madd_epi16(sum, _mm256_set1_epi16(1))); }
  static I dot_s(I acc, W16 x, W16 w) { return _mm256_add_epi32(acc, _mm256_madd_epi16(x, w)); }
  using Avx2Vector::renew;
  static void renew(Pairs& x) { asm volatile("" : "+x"(x.even), "+x"(x.odd)); }
};

#include "runtime/native/kernel_body.inc"

}  // namespace

extern const Kernels kAvx2Kernels = make_kernels(Isa::avx2);

}  // namespace quench::runtime::native
