#pragma once

#include <cstdint>

#include "graph/graph.h"

namespace quench::metrics {

/// Learnable scalars (metrics::Cost::params) less the weights of convolutions and linear layers that are zero: of a
/// float model those that are 0.0, of a quantized one the integers that are 0, which rounding makes, too. Biases and
/// batch norms count as they are.
int64_t nonzero_params(const graph::Graph& graph);

}  // namespace quench::metrics
