// Vectors of QUENCH_LANES floats on the compiler's vector extensions. Included only by the isa_*.cpp files, each
// compiled for its own instruction set; everything here has internal linkage, so that no wide code leaks into other
// files.
#pragma once

#include <cstdint>
#include <cstring>
#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

#include "nn/kernels/table.h"

namespace {

constexpr int kLanes = QUENCH_LANES;
typedef float Floats __attribute__((vector_size(QUENCH_LANES * 4)));
typedef int32_t Ints __attribute__((vector_size(QUENCH_LANES * 4)));
typedef uint32_t Words __attribute__((vector_size(QUENCH_LANES * 4)));
typedef uint16_t Halves __attribute__((vector_size(QUENCH_LANES * 2)));

#define QUENCH_INLINE static inline __attribute__((always_inline))

QUENCH_INLINE Floats load(const float* from) {
  Floats out;
  std::memcpy(&out, from, sizeof(out));
  return out;
}
QUENCH_INLINE void store(float* to, Floats value) { std::memcpy(to, &value, sizeof(value)); }
QUENCH_INLINE Floats load(const quench::nn::kernels::Bf16* from) {
  Halves halves;
  std::memcpy(&halves, from, sizeof(halves));
  const Words words = __builtin_convertvector(halves, Words) << 16;
  Floats out;
  std::memcpy(&out, &words, sizeof(out));
  return out;
}
/// To the nearest, ties to even; NaN stays NaN. (The instruction takes numbers below 2^-126 for 0.)
QUENCH_INLINE void store(quench::nn::kernels::Bf16* to, Floats value) {
#ifdef __AVX512BF16__
  const __m256bh halves = _mm512_cvtneps_pbh((__m512)value);
  std::memcpy(to, &halves, sizeof(halves));
#else
  Words words;
  std::memcpy(&words, &value, sizeof(words));
  Words rounded = (words + 0x7fff + ((words >> 16) & 1)) >> 16;
  rounded = value == value ? rounded : (Words{} + 0x7fc0);
  const Halves halves = __builtin_convertvector(rounded, Halves);
  std::memcpy(to, &halves, sizeof(halves));
#endif
}
QUENCH_INLINE Floats broadcast(float value) { return Floats{} + value; }
/// Lane by lane; NaN in `value` stays.
QUENCH_INLINE Floats clamp(Floats value, Floats low, Floats high) {
  value = value < low ? low : value;
  return value > high ? high : value;
}

/// Adding and subtracting 1.5 * 2^23 rounds to the nearest integer, ties to even, for |x| < 2^22 (no -ffast-math here).
constexpr float kRounder = 12582912.0f;

QUENCH_INLINE Floats round_even(Floats value) {
  Floats shifted = value + kRounder;
  return shifted - kRounder;
}

/// e^x for x in [-87.3, 88.3] within 2 ulp: x = n ln 2 + r, polynomial of degree 6 in r (Moshier, Cephes expf), times
/// 2^n.
QUENCH_INLINE Floats exponential(Floats x) {
  Floats shifted = x * 1.44269504088896341f + kRounder;
  const Floats n = shifted - kRounder;
  Ints bits;
  std::memcpy(&bits, &shifted, sizeof(bits));
  const Floats r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  Floats p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + (r + 1.0f);
  // The low bits of `shifted` hold n; 0x4b400000 is kRounder's pattern.
  const Ints power = (bits - 0x4b400000 + 127) << 23;
  Floats scale;
  std::memcpy(&scale, &power, sizeof(scale));
  return p * scale;
}

/// e^-z, with z kept where neither it nor sigmoid(z) leaves float32's normal range.
QUENCH_INLINE Floats exponential_negative(Floats z) {
  return exponential(clamp(-z, broadcast(-87.0f), broadcast(87.0f)));
}

QUENCH_INLINE Floats silu(Floats z) { return z / (1.0f + exponential_negative(z)); }

/// d silu / dz = s (1 + z (1 - s)), s = sigmoid(z) and 1 - s = s e^-z.
QUENCH_INLINE Floats silu_slope(Floats z) {
  const Floats e = exponential_negative(z);
  const Floats s = 1.0f / (1.0f + e);
  return s * (1.0f + z * (e * s));
}

QUENCH_INLINE double sum_lanes(Floats value) {
  double out = 0;
  for (int i = 0; i < kLanes; ++i) out += value[i];
  return out;
}

}  // namespace
