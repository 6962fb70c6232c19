#pragma once

#include <cstdint>
#include <vector>

#include "nn/kernels/table.h"

namespace quench::nn::kernels {

/// How to run over flat spans. The results do not depend on `threads`.
struct FlatLayout {
  int threads = 1;
  Isa isa = Isa::baseline;
};

/// y = x * sigmoid(x) and its gradient dx = dy * s (1 + x (1 - s)). In place allowed.
void silu_forward(const float* x, float* y, int64_t count, const FlatLayout& layout);
void silu_backward(const float* x, const float* dy, float* dx, int64_t count, const FlatLayout& layout);

/// SiLU as the native engine has it between a convolution's sum and bytes: max(x, 0) + n Q(n)
/// (runtime/native/silu_terms.h), with fused multiply-adds as there. In place allowed.
void engine_silu(const float* x, float* y, int64_t count, const FlatLayout& layout);

/// y = scale * round_half_even(clamp(x / scale, low, high)); low = q_min - zero_point, high = q_max - zero_point.
void fake_quant_forward(const float* x, float* y, int64_t count, float scale, float low, float high,
                        const FlatLayout& layout);
/// dx = dy inside [low, high], 0 outside. Where want_scale, returns sum(dy * d(y / scale)/d scale) as LSQ has it
/// (table.h).
double fake_quant_backward(const float* x, const float* dy, float* dx, int64_t count, float scale, float low,
                           float high, bool want_scale, const FlatLayout& layout);

}  // namespace quench::nn::kernels
