#pragma once

#include <torch/types.h>

#include "graph/graph.h"
#include "nn/fake_quant.h"
#include "nn/qat_options.h"

namespace quench::nn {

// Quantizers of activations whose ranges train, beside LSQ (fake_quantize). x: float32 (other floating types are
// computed in float32). v = x / s; L the loss; f the gradient of the discretizer: 1 (straight-through), or 1 + delta
// sign(dL/dy) (v - round(v)) (EWGS: Lee et al. 2021, equation 4, in steps). Gradients of scale and offset are
// multiplied by 1 / sqrt(N q_max), N the values of one image (LSQ).

/// LSQ with another gradient of the discretizer: dy/dx = f inside the range, 0 outside; dy/ds = round(v) - v f inside,
/// the bound less the zero point outside. scale: one float32 element > 0.
torch::Tensor quantize_lsq(const torch::Tensor& x, const torch::Tensor& scale, const QuantGrid& grid,
                           double ewgs_delta);

/// The zero point of a low end: round(q_min - offset / scale), within the grid, so that 0 is exact.
int64_t zero_point_of(const torch::Tensor& scale, const torch::Tensor& offset, int64_t q_min, int64_t q_max);

/// LSQ+ (Bhalgat et al. 2020, section 3): the range begins at `offset` (beta), where q is q_min. With n = (x -
/// offset) / s, counted in steps from q_min:
///
///     inside:  dy/dx = f    dy/ds = round(n) - n f                   dy/doffset = 1 - f
///     outside: dy/dx = 0    dy/ds = 0 or q_max - q_min (the bound)   dy/doffset = 1
///
/// Deviation: values are on the grid of the integer zero point of `offset` (zero_point_of), as they are when deployed;
/// gradients pass through its rounding. scale, offset: one float32 element each.
torch::Tensor quantize_lsq_plus(const torch::Tensor& x, const torch::Tensor& scale, const torch::Tensor& offset,
                                int64_t q_min, int64_t q_max, double ewgs_delta);

/// PACT (Choi et al. 2018, equations 1 to 3): x clipped to [0, alpha], in q_max equal steps. dy/dx = f where 0 <= x <
/// alpha, else 0; dy/dalpha = 1 where x >= alpha, else 0, summed, without a factor. alpha: one float32 element > 0.
torch::Tensor quantize_pact(const torch::Tensor& x, const torch::Tensor& alpha, int64_t q_max, double ewgs_delta);

}  // namespace quench::nn
