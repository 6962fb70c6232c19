#pragma once

#include "graph/graph.h"

namespace quench::graph {

/// Parameters of an edge whose scale and zero point are found as the model runs (QuantParams::dynamic): uint8, 8 bits,
/// with a scale of 1 and a zero point of 0 in their places.
QuantParams dynamic_params();

/// The parameters of one image's values.
struct DynamicRange {
  float scale = 1;
  int32_t zero_point = 0;
};

/// Scale and zero point of values from `low` to `high`, as ONNX's DynamicQuantizeLinear (opset 11) has them: with 0
/// within the range, scale = (high - low) / 255, zero point = round_half_even(clamp(0 - low / scale, 0, 255)), in
/// float32. Then q = clamp(round_half_even(x / scale) + zero_point, 0, 255). Deviation: a scale below the least normal
/// float32 (all values are 0, or nearly so) becomes 1, where the operator's specification divides by it; ONNX Runtime
/// has 1 for a scale of 0. low and high: finite, with a finite difference.
DynamicRange dynamic_range(float low, float high);

/// Whether an edge has such parameters.
inline bool is_dynamic(const Edge& edge) { return edge.quant && edge.quant->dynamic; }

/// Whether any edge has.
bool has_dynamic_ranges(const Graph& graph);

}  // namespace quench::graph
