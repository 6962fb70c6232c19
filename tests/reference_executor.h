#pragma once

#include <vector>

#include "core/tensor.h"
#include "graph/graph.h"

namespace quench::graph::reference {

/// Runs a Graph in plain loops, slow and obvious: what other executions are compared with. Float32 values [N,C,H,W] or
/// [N,C], sums in double, batch norm with its running statistics. Quantization is simulated: an edge with `quant` holds
/// scale * (q - zero_point) with q = clamp(round_half_even(x / scale) + zero_point, q_min, q_max), weights likewise.
///
/// `inputs`: one tensor for each graph input, of its dtype, with any N. The outputs are float32, in order.
std::vector<Tensor> execute(const Graph& graph, const std::vector<Tensor>& inputs);

/// As execute, but the value of every edge, by EdgeId.
std::vector<Tensor> execute_all(const Graph& graph, const std::vector<Tensor>& inputs);

/// Random values for the graph inputs: in [0,1) where float, else 0..255.
std::vector<Tensor> random_inputs(const Graph& graph, int64_t batch, uint64_t seed);

/// Largest absolute difference of two float tensors of one shape; infinity where the shapes differ or a value is NaN.
double largest_difference(const Tensor& a, const Tensor& b);

/// The values that the parameters can hold, nearest to those of a float tensor, or of an integer tensor dequantized.
Tensor fake_quantize(const Tensor& value, const QuantParams& quant);

}  // namespace quench::graph::reference
