#pragma once

#include <string_view>

#include "graph/graph.h"

namespace quench::quant {

/// Parameters of the int32 bias of such a layer: scale = input_scale * weight scale, zero point 0, axis 0.
graph::QuantParams bias_params(const graph::QuantParams& weight, float input_scale, int64_t channels);

/// q = clamp(round_half_even(x / scale), q_min, q_max) as int8 or int32 (params.dtype), or the nearest of the
/// parameters' levels (graph/levels.h), or the nearest code of each weight's group times its factor
/// (graph/weight_groups.h). Throws Error{data} naming `where` for a value that is not finite, or an int32
/// beyond 2^30.
Tensor quantize_tensor(const Tensor& values, const graph::QuantParams& params, std::string_view where);

}  // namespace quench::quant
