#pragma once

#include <array>
#include <string_view>

#include "graph/graph.h"

namespace quench::graph {

/// The name of the node that normalises the input. A node of that name is fixed: training leaves its weights as they
/// are.
inline constexpr std::string_view kNormalizeNode = "normalize";

/// Means and standard deviations of R, G and B, in units of the input (0 to 1).
struct Normalization {
  std::array<double, 3> mean{0, 0, 0};
  std::array<double, 3> std{1, 1, 1};
  bool operator==(const Normalization&) const = default;
};

/// Puts (x - mean) / std before the first layer, as a depthwise 1x1 convolution with weight 1 / std and bias -mean /
/// std. Convolutions pad what comes out of it with zeros, as they do where a program normalises the picture; folded
/// into the first convolution it would differ at borders. Takes a float graph of one input [1,3,H,W] that has no such
/// node. Throws Error{data} for other graphs, and for values that are not finite or a deviation of 0 or below.
Graph normalize_input(Graph graph, const Normalization& normalization);

/// The node that normalises the input, or null.
const Node* input_normalization(const Graph& graph);

}  // namespace quench::graph
