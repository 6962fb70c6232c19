#include <immintrin.h>

#include "runtime/native/kernels.h"
#include "runtime/native/kernels_of.h"

namespace quench::runtime::native {
namespace {

struct V {
  using F = __m512;
  using I = __m512i;
  using Acc = __m512i;
  using Raw = __m512i;
  using W = __m512i;
  using X = __m512i;
  static constexpr int kLanes = 16, kU8Vectors = 4, kF32Vectors = 4;
  static constexpr int kU8Pixels[4] = {8, 8, 8, 6}, kF32Pixels[4] = {8, 8, 8, 6};
  static constexpr int32_t kOffset = 0;
  static constexpr int kQuads = 1;
  static constexpr bool kPairs = false;
  static constexpr int32_t kNarrowStep = 0;
  static constexpr int64_t kNarrowLeast = 1;
  static constexpr int32_t kPairLimit = 0;

  static F load(const float* p) { return _mm512_loadu_ps(p); }
  static void store(float* p, F x) { _mm512_storeu_ps(p, x); }
  static F set(float x) { return _mm512_set1_ps(x); }
  static F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  static F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static F add(F a, F b) { return _mm512_add_ps(a, b); }
  static F sub(F a, F b) { return _mm512_sub_ps(a, b); }
  static F div(F a, F b) { return _mm512_div_ps(a, b); }
  static F max(F a, F b) { return _mm512_max_ps(a, b); }
  static F min(F a, F b) { return _mm512_min_ps(a, b); }
  static I load_i(const int32_t* p) { return _mm512_loadu_si512(p); }
  static I set_i(int32_t x) { return _mm512_set1_epi32(x); }
  static I add_i(I a, I b) { return _mm512_add_epi32(a, b); }
  static void store_i(int32_t* p, I x) { _mm512_storeu_si512(p, x); }
  static I min_i(I a, I b) { return _mm512_min_epi32(a, b); }
  static I max_i(I a, I b) { return _mm512_max_epi32(a, b); }
  static I mul_i(I a, I b) { return _mm512_mullo_epi32(a, b); }
  static I shift_right(I x, int32_t by) { return _mm512_sra_epi32(x, _mm_cvtsi32_si128(by)); }
  /// Of lanes 0, 2, ... and of lanes 1, 3, ...: products have 64 bits.
  struct Dyadic {
    I multiplier[2], shift[2], half[2];
  };
  static Dyadic load_dyadic(const int32_t* multiplier, const int32_t* shift) {
    const I m = load_i(multiplier), s = load_i(shift), one = _mm512_set1_epi64(1);
    Dyadic out{
        {m, _mm512_srli_epi64(m, 32)}, {_mm512_and_si512(s, _mm512_set1_epi64(63)), _mm512_srli_epi64(s, 32)}, {}};
    for (int i = 0; i < 2; ++i) out.half[i] = _mm512_sllv_epi64(one, _mm512_sub_epi64(out.shift[i], one));
    return out;
  }
  static I times(I x, const Dyadic& d) {
    const auto half = [&](I lanes, int i) {
      return _mm512_srav_epi64(_mm512_add_epi64(_mm512_mul_epi32(lanes, d.multiplier[i]), d.half[i]), d.shift[i]);
    };
    return _mm512_mask_mov_epi32(half(x, 0), 0xaaaa, _mm512_slli_epi64(half(_mm512_srli_epi64(x, 32), 1), 32));
  }
  static F to_float(I x) { return _mm512_cvtepi32_ps(x); }
  static I round(F x) { return _mm512_cvtps_epi32(x); }
  static F power_of_two(I n) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(n, _mm512_set1_epi32(127)), 23));
  }
  static I widen(const uint8_t* p) {
    return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static void narrow(uint8_t* p, I x) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(x)); }

  /// Rows to columns: pairs, then pairs of pairs, then 128-bit quarters.
  static void transpose(F (&x)[16]) {
    F t[16];
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {
      t[i] = _mm512_unpacklo_ps(x[i], x[i + 1]);
      t[i + 1] = _mm512_unpackhi_ps(x[i], x[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) {
      x[i] = pairs<0x44>(t[i], t[i + 2]);
      x[i + 1] = pairs<0xee>(t[i], t[i + 2]);
      x[i + 2] = pairs<0x44>(t[i + 1], t[i + 3]);
      x[i + 3] = pairs<0xee>(t[i + 1], t[i + 3]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      t[i] = _mm512_shuffle_f32x4(x[i], x[i + 4], 0x88);
      t[i + 4] = _mm512_shuffle_f32x4(x[i], x[i + 4], 0xdd);
      t[i + 8] = _mm512_shuffle_f32x4(x[i + 8], x[i + 12], 0x88);
      t[i + 12] = _mm512_shuffle_f32x4(x[i + 8], x[i + 12], 0xdd);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      x[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
      x[i + 4] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88);
      x[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xdd);
      x[i + 12] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xdd);
    }
  }
  template <int Which>
  static F pairs(F a, F b) {
    return _mm512_shuffle_ps(a, b, Which);
  }

  static Acc zero() { return _mm512_setzero_si512(); }
  static Raw load_raw(const int8_t* p) { return _mm512_load_si512(p); }
  static W spread_weights(Raw raw) { return raw; }
  static X load_quad(const uint8_t* p) {
    int32_t quad;
    __builtin_memcpy(&quad, p, 4);
    return _mm512_set1_epi32(quad);
  }
  static Acc dot(Acc acc, X x, W w) { return _mm512_dpbusd_epi32(acc, x, w); }
  using S16 = __m512i;
  using W16 = __m512i;
  static constexpr int kShorts = 32, kShortsADot = 2;
  static constexpr int kWinogradTiles = 12, kWinogradVectors = 2, kWinogradStep = 2, kWinogradChannels = 32;
  static S16 widen_s(const uint8_t* p) {
    return _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static S16 add_s(S16 a, S16 b) { return _mm512_add_epi16(a, b); }
  static S16 sub_s(S16 a, S16 b) { return _mm512_sub_epi16(a, b); }
  template <int By>
  static S16 shift_s(S16 x) {
    return _mm512_slli_epi16(x, By);
  }
  static void store_s(int16_t* p, S16 x) { _mm512_storeu_si512(p, x); }
  static W16 load_s(const int16_t* p) { return _mm512_loadu_si512(p); }
  static W16 load_pair(const int16_t* p) {
    int32_t pair;
    __builtin_memcpy(&pair, p, 4);
    return _mm512_set1_epi32(pair);
  }
  static I dot_s(I acc, W16 x, W16 w) { return _mm512_dpwssd_epi32(acc, x, w); }
  static I sub_i(I a, I b) { return _mm512_sub_epi32(a, b); }
  template <int By>
  static I shift_left(I x) {
    return _mm512_slli_epi32(x, By);
  }
  static I finish(Acc acc) { return acc; }
  /// The compiler must take the value for another one from here on, at no cost: nothing computed from it is shared or
  /// moved out of a loop.
  static void renew(F& x) { asm volatile("" : "+v"(x)); }
  static void renew(I& x) { asm volatile("" : "+v"(x)); }

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

extern const Kernels kAvx512Kernels = make_kernels(Isa::avx512_vnni);

}  // namespace quench::runtime::native
