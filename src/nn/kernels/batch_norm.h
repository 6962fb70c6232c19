#pragma once

#include <cstdint>

#include "nn/kernels/table.h"

namespace quench::nn::kernels {

/// Dense [rows, channels] of float32 or bfloat16 (`Value` below is float or Bf16; channels-last images: rows = N*H*W)
/// and how to run over them.
struct RowsLayout {
  int64_t rows = 0;
  int64_t channels = 0;
  int threads = 1;
  Isa isa = Isa::baseline;
};

/// Mean and biased variance of each channel (arrays of `channels` doubles). Sums run in float32 over blocks of some
/// hundred rows, shifted by the first row against cancellation, and in double across blocks, in an order that does not
/// depend on the number of threads: the result is the same bit for bit.
template <typename Value>
void channel_moments(const Value* x, const RowsLayout& layout, double* mean, double* variance);

/// What both directions need: z = (x - mean) * inverse_deviation * weight + bias, y = z or silu(z).
struct NormParameters {
  const float* mean;
  const float* inverse_deviation;
  const float* weight;
  const float* bias;
  bool silu = true;
};

/// y may be x.
template <typename Value>
void norm_forward(const Value* x, Value* y, const RowsLayout& layout, const NormParameters& parameters);

/// Sums of each channel over the rows: of dz, and of dz (x - mean), given dy; z and sigmoid are recomputed from x. They
/// are the gradients of the bias, and of the weight times the deviation. dz: where it is not null, it gets dz, so that
/// silu's slope is computed once; it may be dy. Deterministic and independent of the number of threads, as is
/// norm_backward.
template <typename Value>
void norm_sums(const Value* x, const Value* dy, const RowsLayout& layout, const NormParameters& parameters, double* sum,
               double* product, Value* dz);

/// Gradient of the loss by x, given dz (of norm_sums; dy where there is no silu). count: values a channel that mean and
/// deviation are of, and that norm_sums summed over (Ioffe, Szegedy 2015, section 3): dx = w / sigma (dz - mean(dz) -
/// xhat mean(dz xhat)); 0: they are constants. dx may be dz.
template <typename Value>
void norm_backward(const Value* x, const Value* dz, const RowsLayout& layout, const NormParameters& parameters,
                   const double* sum, const double* product, int64_t count, Value* dx);

}  // namespace quench::nn::kernels
