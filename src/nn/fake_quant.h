#pragma once

#include <torch/types.h>

#include "graph/graph.h"

namespace quench::nn {

/// Grid of a per-tensor fake-quantize: integers in [q_min, q_max] around zero_point.
struct QuantGrid {
  int64_t zero_point = 0;
  int64_t q_min = 0;
  int64_t q_max = 255;
};

/// y = scale * (clamp(round_half_even(x / scale) + zero_point, q_min, q_max) - zero_point), in one pass on CPU float32.
///
/// Gradient for x: straight through inside the range, 0 where x was clamped (Bengio, Leonard, Courville 2013). Gradient
/// for scale, where it requires one (LSQ: Esser et al. 2020, equations 3 and 4, with a zero point as in LSQ+, Bhalgat
/// et al. 2020, equation 4): sum over elements of grad * (round(v) - v) inside, grad * (bound - zero_point) outside, v
/// = x / scale; times 1 / sqrt(N * q_max), N the values of one image (dimension 0 is the batch). x: float32 (other
/// floating types are computed in float32 and returned in their own). scale: one float32 element > 0.
torch::Tensor fake_quantize(const torch::Tensor& x, const torch::Tensor& scale, const QuantGrid& grid);

/// As above with a fixed scale (no gradient for it).
torch::Tensor fake_quantize(const torch::Tensor& x, float scale, const QuantGrid& grid);

/// Each image (index of dimension 0) on the uint8 grid of its own smallest and largest value (graph/dynamic_range.h).
/// The gradient passes unchanged: nothing is clamped by more than half a step, and the range is not differentiated. x:
/// as above, of at least one dimension. Throws Error{data} where a value is not finite.
torch::Tensor fake_quantize_dynamic(const torch::Tensor& x);

/// Per-channel (params.axis >= 0) or per-tensor with the parameters as they are, levels, groups and dynamic ranges too;
/// gradient to x as above.
torch::Tensor fake_quantize(const torch::Tensor& x, const graph::QuantParams& params);

/// Fake-quantizes a weight at scales that stand beside it: `scale` float32 [1] or [C] in place of params.scale. The
/// gradient passes where nothing is clamped and is 0 where it is. `covered`: the scales are known to cover the weight
/// (max_abs_scales of it), so that the gradient passes everywhere.
torch::Tensor fake_quantize_weight(const torch::Tensor& weight, const torch::Tensor& scale,
                                   const graph::QuantParams& params, bool covered);

/// What steps w / scale are rounded to: the nearest of the parameters' levels (graph/levels.h), the nearest code of a
/// weight's group times its factor (graph/weight_groups.h), or the nearest integer within their range. steps: float32,
/// of any shape; with groups the weight's. Zero points are not looked at. No gradient passes.
torch::Tensor rounded_steps(const torch::Tensor& steps, const graph::QuantParams& params);

/// scale * (q - zero_point) as float32, for integer weights.
torch::Tensor dequantize(const torch::Tensor& q, const graph::QuantParams& params);

}  // namespace quench::nn
