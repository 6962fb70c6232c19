#pragma once

#include <vector>

#include "graph/graph.h"

namespace quench::quant {

/// Symmetric int8 parameters of a float weight [O, ...] from its present values: scale = max|w| / q_max, for each
/// output channel (axis 0) or over the whole tensor (axis -1). A scale is never so small that a bias (float [O], or
/// null) would exceed 2^30 at input_scale * scale; a dead channel gives 2^-20.
graph::QuantParams weight_params(const Tensor& weight, const Tensor* bias, float input_scale, int bits, int axis);

/// Parameters of the int32 bias of such a layer: scale = input_scale * weight scale, zero point 0, axis 0.
graph::QuantParams bias_params(const graph::QuantParams& weight, float input_scale, int64_t channels);

/// q = clamp(round_half_even(x / scale), q_min, q_max) as int8 or int32 (params.dtype). Throws Error{data} naming
/// `where` for a value that is not finite, or an int32 that does not fit.
Tensor quantize_tensor(const Tensor& values, const graph::QuantParams& params, std::string_view where);

}  // namespace quench::quant
