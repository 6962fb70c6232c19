#pragma once

#include <span>

#include "core/tensor.h"
#include "graph/graph.h"

namespace quench::score {

/// Throws Error{data} naming the output where one of a model's raw outputs (float32, in the graph's order) holds NaN,
/// an infinity, or a value beyond graph::kLargestMagnitude: there is no accuracy to tell then.
void require_finite(std::span<const Tensor> outputs, const graph::Graph& graph);

}  // namespace quench::score
