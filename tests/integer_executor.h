#pragma once

#include <vector>

#include "graph/graph.h"

namespace quench::graph::reference {

/// Runs a quantized Graph in integers, in plain loops over [C,H,W], as docs/quantization.md defines it for the native
/// engine: what the engine must equal to the bit; dynamic ranges too. Written without the engine's code. `image`: [1,C,H,W] of the input's
/// dtype. Throws Error{unsupported} for float arithmetic whose order the definition leaves open (a silu that gives
/// floats, float convolutions).
std::vector<Tensor> execute_integer(const Graph& graph, const Tensor& image);

/// The same with integers alone between bytes: every change of scales of a convolution, an add or an average is a shift of
/// an integer sum, rounded half to even. For graphs whose scales are powers of two. Throws Error{unsupported} where one
/// is no shift, and for a silu that is no table.
std::vector<Tensor> execute_shifts(const Graph& graph, const Tensor& image);

/// The same as metadata `requantization: dyadic` has it: factors of a convolution, an add or an average are integers
/// over powers of two, products have 64 bits, halves are rounded up. Throws Error{unsupported} for a silu that is no table.
std::vector<Tensor> execute_dyadic(const Graph& graph, const Tensor& image);

/// What it takes for silu(x) between a convolution's sum and a byte: runtime/native/silu_terms.h, in its order of
/// operations.
float silu_of_bytes(float x);

}  // namespace quench::graph::reference
