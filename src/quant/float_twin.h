#pragma once

#include "graph/graph.h"

namespace quench::quant {

/// What a quantized model approximates, in the quantized one's own form (same nodes, edges and edge ids): nothing is
/// quantized, and weights and biases are those of `float_model`, batch norms folded. Its input takes raw pixels (uint8)
/// as the quantized one's does, divided by 255. Throws Error{config} where `float_model` is quantized or lacks a layer
/// of these shapes.
graph::Graph float_twin(const graph::Graph& quantized, const graph::Graph& float_model);

}  // namespace quench::quant
