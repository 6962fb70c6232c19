#include <immintrin.h>

#include "runtime/native/kernels.h"
#include "runtime/native/kernels_of.h"

namespace quench::runtime::native {
namespace {

struct V {
  using F = __m256;
  using I = __m256i;
  using Acc = __m256i;
  /// Four bytes of each 32-bit lane as 16-bit pairs: bytes 0 and 2, bytes 1 and 3. vpmaddubsw would saturate; vpmaddwd
  /// does not (255 * 127 * 2 < 2^31).
  struct Pairs {
    __m256i even, odd;
  };
  using Raw = __m256i;
  using W = Pairs;
  using X = Pairs;
  static constexpr int kLanes = 8, kU8Vectors = 2, kF32Vectors = 2;
  static constexpr int kU8Pixels[4] = {6, 4, 2, 2}, kF32Pixels[4] = {8, 6, 2, 2};
  static constexpr int32_t kOffset = 0;
  static constexpr int kQuads = 1;
  static constexpr bool kPairs = false;
  /// vpmaddubsw does not saturate where two products of the largest weight fit 16 bits.
  static constexpr int32_t kNarrowStep = 2 * 255;
  static constexpr int64_t kNarrowLeast = 1;
  static constexpr int32_t kPairLimit = 128;  ///< 255 x 128 < 2^15

  static F load(const float* p) { return _mm256_loadu_ps(p); }
  static void store(float* p, F x) { _mm256_storeu_ps(p, x); }
  static F set(float x) { return _mm256_set1_ps(x); }
  static F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
  static F mul(F a, F b) { return _mm256_mul_ps(a, b); }
  static F add(F a, F b) { return _mm256_add_ps(a, b); }
  static F sub(F a, F b) { return _mm256_sub_ps(a, b); }
  static F div(F a, F b) { return _mm256_div_ps(a, b); }
  static F max(F a, F b) { return _mm256_max_ps(a, b); }
  static F min(F a, F b) { return _mm256_min_ps(a, b); }
  static I load_i(const int32_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  static I set_i(int32_t x) { return _mm256_set1_epi32(x); }
  static I add_i(I a, I b) { return _mm256_add_epi32(a, b); }
  static void store_i(int32_t* p, I x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x); }
  static I min_i(I a, I b) { return _mm256_min_epi32(a, b); }
  static I max_i(I a, I b) { return _mm256_max_epi32(a, b); }
  static I mul_i(I a, I b) { return _mm256_mullo_epi32(a, b); }
  static I shift_right(I x, int32_t by) { return _mm256_sra_epi32(x, _mm_cvtsi32_si128(by)); }
  /// Of lanes 0, 2, ... and of lanes 1, 3, ...: products have 64 bits. There is no arithmetic shift of these: 2^63 is
  /// added before a logical one, and what it becomes, `excess`, subtracted behind it.
  struct Dyadic {
    I multiplier[2], shift[2], half[2], excess;
  };
  static Dyadic load_dyadic(const int32_t* multiplier, const int32_t* shift) {
    const I m = load_i(multiplier), s = load_i(shift), one = _mm256_set1_epi64x(1);
    const I top = _mm256_slli_epi64(one, 63);
    Dyadic out{
        {m, _mm256_srli_epi64(m, 32)}, {_mm256_and_si256(s, _mm256_set1_epi64x(63)), _mm256_srli_epi64(s, 32)}, {}, {}};
    I excess[2];
    for (int i = 0; i < 2; ++i) {
      out.half[i] = _mm256_or_si256(_mm256_sllv_epi64(one, _mm256_sub_epi64(out.shift[i], one)), top);
      excess[i] = _mm256_srlv_epi64(top, out.shift[i]);
    }
    out.excess = _mm256_blend_epi32(excess[0], _mm256_slli_epi64(excess[1], 32), 0xaa);
    return out;
  }
  static I times(I x, const Dyadic& d) {
    const auto half = [&](I lanes, int i) {
      return _mm256_srlv_epi64(_mm256_add_epi64(_mm256_mul_epi32(lanes, d.multiplier[i]), d.half[i]), d.shift[i]);
    };
    const I both = _mm256_blend_epi32(half(x, 0), _mm256_slli_epi64(half(_mm256_srli_epi64(x, 32), 1), 32), 0xaa);
    return _mm256_sub_epi32(both, d.excess);
  }
  static F to_float(I x) { return _mm256_cvtepi32_ps(x); }
  static I round(F x) { return _mm256_cvtps_epi32(x); }
  static F power_of_two(I n) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
  }
  static I widen(const uint8_t* p) {
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  }
  static void narrow(uint8_t* p, I x) {
    const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(words, words));
  }

  /// Rows to columns: pairs, then pairs of pairs, then halves.
  static void transpose(F (&x)[8]) {
    F t[8];
#pragma GCC unroll 4
    for (int i = 0; i < 8; i += 2) {
      t[i] = _mm256_unpacklo_ps(x[i], x[i + 1]);
      t[i + 1] = _mm256_unpackhi_ps(x[i], x[i + 1]);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 8; i += 4) {
      x[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
      x[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
      x[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
      x[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const F low = _mm256_permute2f128_ps(x[i], x[i + 4], 0x20), high = _mm256_permute2f128_ps(x[i], x[i + 4], 0x31);
      x[i] = low;
      x[i + 4] = high;
    }
  }

  static Acc zero() { return _mm256_setzero_si256(); }
  static Raw load_raw(const int8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  static W spread_weights(Raw w) { return {_mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8), _mm256_srai_epi16(w, 8)}; }
  static X load_quad(const uint8_t* p) {
    int32_t quad;
    __builtin_memcpy(&quad, p, 4);
    const __m256i x = _mm256_set1_epi32(quad);
    return {_mm256_and_si256(x, _mm256_set1_epi16(0xff)), _mm256_srli_epi16(x, 8)};
  }
  static Acc dot(Acc acc, const X& x, const W& w) {
    return _mm256_add_epi32(acc, _mm256_add_epi32(_mm256_madd_epi16(x.even, w.even), _mm256_madd_epi16(x.odd, w.odd)));
  }
  using Sum16 = __m256i;
  using X16 = __m256i;
  static Sum16 zero16() { return _mm256_setzero_si256(); }
  static X16 load_quad16(const uint8_t* p) {
    int32_t quad;
    __builtin_memcpy(&quad, p, 4);
    return _mm256_set1_epi32(quad);
  }
  static Sum16 dot16(Sum16 sum, X16 x, Raw w) { return _mm256_add_epi16(sum, _mm256_maddubs_epi16(x, w)); }
  static Acc add16(Acc acc, Sum16 sum) { return _mm256_add_epi32(acc, _mm256_madd_epi16(sum, _mm256_set1_epi16(1))); }
  using S16 = __m256i;
  using W16 = __m256i;
  static constexpr int kShorts = 16, kShortsADot = 2;
  static constexpr int kWinogradTiles = 6, kWinogradVectors = 2, kWinogradStep = 2, kWinogradChannels = 16;
  static S16 widen_s(const uint8_t* p) {
    return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static S16 add_s(S16 a, S16 b) { return _mm256_add_epi16(a, b); }
  static S16 sub_s(S16 a, S16 b) { return _mm256_sub_epi16(a, b); }
  template <int By>
  static S16 shift_s(S16 x) {
    return _mm256_slli_epi16(x, By);
  }
  static void store_s(int16_t* p, S16 x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x); }
  static W16 load_s(const int16_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  static W16 load_pair(const int16_t* p) {
    int32_t pair;
    __builtin_memcpy(&pair, p, 4);
    return _mm256_set1_epi32(pair);
  }
  static I dot_s(I acc, W16 x, W16 w) { return _mm256_add_epi32(acc, _mm256_madd_epi16(x, w)); }
  static I sub_i(I a, I b) { return _mm256_sub_epi32(a, b); }
  template <int By>
  static I shift_left(I x) {
    return _mm256_slli_epi32(x, By);
  }
  static I finish(Acc acc) { return acc; }
  /// The compiler must take the value for another one from here on, at no cost: nothing computed from it is shared or
  /// moved out of a loop.
  static void renew(F& x) { asm volatile("" : "+x"(x)); }
  static void renew(I& x) { asm volatile("" : "+x"(x)); }
  static void renew(Pairs& x) { asm volatile("" : "+x"(x.even), "+x"(x.odd)); }

  static void lookup(uint8_t* data, int64_t size, const uint8_t* table) {
    for (int64_t i = 0; i < size; ++i) data[i] = table[data[i]];
  }
};

#include "runtime/native/kernel_body.inc"

}  // namespace

extern const Kernels kAvx2Kernels = make_kernels(Isa::avx2);

}  // namespace quench::runtime::native
