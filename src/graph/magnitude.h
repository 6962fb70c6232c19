#pragma once

#include "graph/graph.h"

namespace quench::graph {

/// Beyond this no weight or activation means anything: no network has such values, and a few products of them leave
/// float32 (3.4e38).
inline constexpr float kLargestMagnitude = 1e20f;

/// Throws Error{data} naming the weight or the edge where a weight, or what a quantized value stands for, is not finite
/// or beyond kLargestMagnitude. For whoever is about to run a model and to say how good it is: its outputs would be
/// noise.
void require_magnitudes(const Graph& graph);

}  // namespace quench::graph
