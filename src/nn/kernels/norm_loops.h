// Loops of the normalization kernels (see table.h). Included only by the isa_*.cpp files.
#pragma once

#include "nn/kernels/table.h"
#include "nn/kernels/vector.h"

namespace {

using quench::nn::kernels::AffineMap;
using quench::nn::kernels::Bf16;
using quench::nn::kernels::kBlock;
using quench::nn::kernels::NormTable;

/// Vectors that one pass down the rows keeps in registers.
constexpr int kGroup = QUENCH_LANES == 16 ? 4 : 2;
constexpr int kGroupFloats = kGroup * kLanes;
static_assert(kBlock % kGroupFloats == 0);

struct Columns {
  Floats value[kGroup];
};

QUENCH_INLINE Columns load_columns(const float* from) {
  Columns out;
  for (int i = 0; i < kGroup; ++i) out.value[i] = load(from + i * kLanes);
  return out;
}
QUENCH_INLINE void store_columns(float* to, const Columns& columns) {
  for (int i = 0; i < kGroup; ++i) store(to + i * kLanes, columns.value[i]);
}

template <typename Value>
void moments(const Value* x, int64_t rows, int64_t width, const float* shift, float* first, float* second) {
  for (int64_t column = 0; column < width; column += kGroupFloats) {
    const Columns origin = load_columns(shift + column);
    Columns sum = load_columns(first + column);
    Columns square = load_columns(second + column);
    for (const Value* row = x + column; row < x + rows * width; row += width) {
      for (int i = 0; i < kGroup; ++i) {
        const Floats d = load(row + i * kLanes) - origin.value[i];
        sum.value[i] += d;
        square.value[i] += d * d;
      }
    }
    store_columns(first + column, sum);
    store_columns(second + column, square);
  }
}

template <bool kSilu, typename Value>
QUENCH_INLINE void forward_loop(const Value* x, Value* y, int64_t rows, int64_t width, AffineMap map) {
  for (int64_t column = 0; column < width; column += kGroupFloats) {
    const Columns mean = load_columns(map.mean + column);
    const Columns slope = load_columns(map.slope + column);
    const Columns offset = load_columns(map.offset + column);
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t at = row * width + column;
      for (int i = 0; i < kGroup; ++i) {
        const Floats z = (load(x + at + i * kLanes) - mean.value[i]) * slope.value[i] + offset.value[i];
        store(y + at + i * kLanes, kSilu ? silu(z) : z);
      }
    }
  }
}

template <typename Value>
void norm_forward(const Value* x, Value* y, int64_t rows, int64_t width, AffineMap map, bool silu) {
  if (silu) {
    forward_loop<true>(x, y, rows, width, map);
  } else {
    forward_loop<false>(x, y, rows, width, map);
  }
}

template <bool kSilu, bool kStore, typename Value>
QUENCH_INLINE void sums_loop(const Value* x, const Value* dy, Value* stored, int64_t rows, int64_t width, AffineMap map,
                             float* first, float* second) {
  for (int64_t column = 0; column < width; column += kGroupFloats) {
    const Columns mean = load_columns(map.mean + column);
    const Columns slope = load_columns(map.slope + column);
    const Columns offset = load_columns(map.offset + column);
    Columns sum = load_columns(first + column);
    Columns product = load_columns(second + column);
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t at = row * width + column;
      for (int i = 0; i < kGroup; ++i) {
        const Floats d = load(x + at + i * kLanes) - mean.value[i];
        Floats dz = load(dy + at + i * kLanes);
        if (kSilu) dz *= silu_slope(d * slope.value[i] + offset.value[i]);
        sum.value[i] += dz;
        product.value[i] += dz * d;
        if (kStore) store(stored + at + i * kLanes, dz);
      }
    }
    store_columns(first + column, sum);
    store_columns(second + column, product);
  }
}

template <typename Value>
void norm_sums(const Value* x, const Value* dy, Value* dz, int64_t rows, int64_t width, AffineMap map, bool silu,
               float* first, float* second) {
  if (dz != nullptr) {
    silu ? sums_loop<true, true>(x, dy, dz, rows, width, map, first, second)
         : sums_loop<false, true>(x, dy, dz, rows, width, map, first, second);
  } else {
    silu ? sums_loop<true, false>(x, dy, dz, rows, width, map, first, second)
         : sums_loop<false, false>(x, dy, dz, rows, width, map, first, second);
  }
}

template <typename Value>
void norm_backward(const Value* x, const Value* dz, Value* dx, int64_t rows, int64_t width, AffineMap map,
                   const float* constant, const float* linear) {
  for (int64_t column = 0; column < width; column += kGroupFloats) {
    const Columns mean = load_columns(map.mean + column);
    const Columns slope = load_columns(map.slope + column);
    const Columns fixed = load_columns(constant + column);
    const Columns ramp = load_columns(linear + column);
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t at = row * width + column;
      for (int i = 0; i < kGroup; ++i) {
        const Floats d = load(x + at + i * kLanes) - mean.value[i];
        const Floats moved = load(dz + at + i * kLanes) * slope.value[i] - fixed.value[i];
        store(dx + at + i * kLanes, moved - d * ramp.value[i]);
      }
    }
  }
}

template <typename Value>
constexpr NormTable<Value> kNorm{&moments<Value>, &norm_forward<Value>, &norm_sums<Value>, &norm_backward<Value>};

}  // namespace
