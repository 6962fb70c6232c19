#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "graph/graph.h"

namespace quench::score {

/// Throws Error{data} naming the output where one of a model's raw outputs (float32, in the graph's order) holds NaN,
/// an infinity, or a value beyond graph::kLargestMagnitude: there is no accuracy to tell then.
void require_finite(std::span<const Tensor> outputs, std::span<const std::string> names);
void require_finite(std::span<const Tensor> outputs, const graph::Graph& graph);

/// Of the graph's outputs, in order.
std::vector<std::string> output_names(const graph::Graph& graph);

}  // namespace quench::score
