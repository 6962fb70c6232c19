// Loops over flat spans (see table.h). Included only by the isa_*.cpp files.
#pragma once

#include "nn/kernels/vector.h"
#include "runtime/native/silu_terms.h"

namespace {

/// The last, partial vector of a span, padded with zeros.
QUENCH_INLINE Floats load_part(const float* from, int64_t count) {
  float padded[kLanes] = {};
  std::memcpy(padded, from, static_cast<size_t>(count) * sizeof(float));
  return load(padded);
}
QUENCH_INLINE void store_part(float* to, Floats value, int64_t count) {
  std::memcpy(to, &value, static_cast<size_t>(count) * sizeof(float));
}

void silu_forward(const float* x, float* y, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(y + i, silu(load(x + i)));
  if (i < count) store_part(y + i, silu(load_part(x + i, count - i)), count - i);
}

void silu_backward(const float* x, const float* dy, float* dx, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(dx + i, load(dy + i) * silu_slope(load(x + i)));
  if (i < count) {
    const int64_t rest = count - i;
    store_part(dx + i, load_part(dy + i, rest) * silu_slope(load_part(x + i, rest)), rest);
  }
}

/// a b + c in one rounding: contracted where the instruction set has it, else by way of double, in which the product is
/// exact.
QUENCH_INLINE Floats fused_multiply_add(Floats a, Floats b, Floats c) {
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
  return a * b + c;
#else
  typedef double Doubles __attribute__((vector_size(QUENCH_LANES * 8)));
  const Doubles sum = __builtin_convertvector(a, Doubles) * __builtin_convertvector(b, Doubles) +
                      __builtin_convertvector(c, Doubles);
  return __builtin_convertvector(sum, Floats);
#endif
}

/// max(x, 0) + n Q(n), n = max(-|x|, kSiluLeast). Its terms cancel far out: with products that are rounded by themselves it
/// would be off by 2e-4 there.
QUENCH_INLINE Floats silu_by_terms(Floats x) {
  using quench::runtime::native::kSiluTerms;
  const Floats zero = broadcast(0.0f), least = broadcast(quench::runtime::native::kSiluLeast);
  Floats n = x < -x ? x : -x;
  n = n > least ? n : least;
  constexpr int kTerms = sizeof(kSiluTerms) / sizeof(kSiluTerms[0]);
  Floats q = broadcast(kSiluTerms[kTerms - 1]);
#pragma GCC unroll 16
  for (int i = kTerms - 2; i >= 0; --i) q = fused_multiply_add(q, n, broadcast(kSiluTerms[i]));
  return fused_multiply_add(n, q, x > zero ? x : zero);
}

void engine_silu(const float* x, float* y, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(y + i, silu_by_terms(load(x + i)));
  if (i < count) store_part(y + i, silu_by_terms(load_part(x + i, count - i)), count - i);
}

QUENCH_INLINE Floats quantize(Floats x, float scale, float low, float high) {
  return round_even(clamp(x / scale, broadcast(low), broadcast(high))) * scale;
}

void fake_quant_forward(const float* x, float* y, int64_t count, float scale, float low, float high) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(y + i, quantize(load(x + i), scale, low, high));
  if (i < count) store_part(y + i, quantize(load_part(x + i, count - i), scale, low, high), count - i);
}

struct QuantGradient {
  Floats dx;
  Floats scale;
};

QUENCH_INLINE QuantGradient quantize_gradient(Floats x, Floats dy, float scale, float low, float high) {
  const Floats v = x / scale;
  const Floats bounded = clamp(v, broadcast(low), broadcast(high));
  const Floats zero = broadcast(0.0f);
  const Ints inside = bounded == v;
  return {inside ? dy : zero, dy * (inside ? round_even(bounded) - v : bounded)};
}

double fake_quant_backward(const float* x, const float* dy, float* dx, int64_t count, float scale, float low,
                           float high, bool want_scale) {
  if (!want_scale) {
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) {
      store(dx + i, quantize_gradient(load(x + i), load(dy + i), scale, low, high).dx);
    }
    if (i < count) {
      const int64_t rest = count - i;
      store_part(dx + i, quantize_gradient(load_part(x + i, rest), load_part(dy + i, rest), scale, low, high).dx, rest);
    }
    return 0;
  }
  Floats sum = broadcast(0.0f);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const QuantGradient g = quantize_gradient(load(x + i), load(dy + i), scale, low, high);
    store(dx + i, g.dx);
    sum += g.scale;
  }
  if (i < count) {
    const int64_t rest = count - i;
    const QuantGradient g = quantize_gradient(load_part(x + i, rest), load_part(dy + i, rest), scale, low, high);
    store_part(dx + i, g.dx, rest);
    sum += g.scale;
  }
  return sum_lanes(sum);
}

void sgd(float* weight, const float* gradient, float* velocity, int64_t count, float rate, float momentum, float decay,
         bool nesterov) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const int64_t rest = count - i < kLanes ? count - i : kLanes;
    const bool whole = rest == kLanes;
    const Floats w = whole ? load(weight + i) : load_part(weight + i, rest);
    const Floats g = (whole ? load(gradient + i) : load_part(gradient + i, rest)) + w * decay;
    const Floats v = (whole ? load(velocity + i) : load_part(velocity + i, rest)) * momentum + g;
    const Floats step = nesterov ? g + v * momentum : v;
    const Floats moved = w - step * rate;
    if (whole) {
      store(velocity + i, v);
      store(weight + i, moved);
    } else {
      store_part(velocity + i, v, rest);
      store_part(weight + i, moved, rest);
    }
  }
}

void average(float* mean, const float* value, int64_t count, float share) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const Floats m = load(mean + i);
    store(mean + i, m + (load(value + i) - m) * share);
  }
  for (; i < count; ++i) mean[i] += (value[i] - mean[i]) * share;
}

}  // namespace
