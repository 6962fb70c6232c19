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

/// Whether it is int8 around zero point 0: the only form that TensorRT takes.
bool is_symmetric_int8(const QuantParams& quant);

}  // namespace quench::graph
