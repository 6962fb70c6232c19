#pragma once

#include "graph/graph.h"

namespace quench::quant {

/// A quantized model whose weights stand at the centres of their integers (with_float_weights), with the weights that
/// were rounded, from float_twin of it: what a rounding can be chosen again for. Throws Error{config} where these are
/// no neighbours of the integers, so that others were rounded (the model was trained since, or made of another one).
graph::Graph with_original_weights(graph::Graph quantized, const graph::Graph& twin);

}  // namespace quench::quant
