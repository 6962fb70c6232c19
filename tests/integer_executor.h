#pragma once

#include <vector>

#include "graph/graph.h"

namespace quench::graph::reference {

/// Runs a quantized Graph in integers, in plain loops over [C,H,W], as docs/quantization.md defines it for the native
/// engine: what the engine must equal to the bit. Written without the engine's code. `image`: [1,C,H,W] of the input's
/// dtype. Throws Error{unsupported} for float arithmetic whose order the definition leaves open (a fused silu, float
/// convolutions).
std::vector<Tensor> execute_integer(const Graph& graph, const Tensor& image);

}  // namespace quench::graph::reference
