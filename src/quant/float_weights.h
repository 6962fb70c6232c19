#pragma once

#include "graph/graph.h"

namespace quench::quant {

/// The form that fine-tuning takes, of a converted model: integer weights as the floats that they stand for, their
/// QuantParams kept; biases as floats alone. Float weights stay. convert() of it gives the same integers again.
graph::Graph with_float_weights(const graph::Graph& converted);

}  // namespace quench::quant
