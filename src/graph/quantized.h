#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace quench::graph {

/// An edge or weight that is quantized; points into its graph.
struct QuantizedValue {
  std::string name;
  const QuantParams* quant;
};

/// Whether anything in it is quantized: an edge or a weight has QuantParams.
bool is_quantized(const Graph& graph);

/// Edges in order, then weights by name. Biases (int32) are left out: their parameters follow from the others.
std::vector<QuantizedValue> quantized_values(const Graph& graph);

/// Whether it is a convolution or linear layer whose weights are quantized.
bool rounds_weights(const Graph& graph, const Node& node);

/// Whether all zero points are 0.
bool is_symmetric(const QuantParams& quant);

/// Whether scales of weights were chosen otherwise than by max|w|, so that training keeps them and clamps weights there
/// (metadata `weight_scales`: `fixed`, or `learned` where a training found them). Else (`max_abs`, or not said) scales
/// follow the weights when these move. Throws Error{data} for another word.
bool has_fixed_weight_scales(const Graph& graph);

/// Whether a training learned the scales of weights: a later one goes on with that.
bool has_learned_weight_scales(const Graph& graph);

/// Whether it is int8 around zero point 0: the only form that TensorRT takes.
bool is_symmetric_int8(const QuantParams& quant);

}  // namespace quench::graph
