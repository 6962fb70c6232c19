#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace quench::graph {

/// Mean and variance of each channel of a value.
struct ChannelStatistics {
  std::vector<double> mean, variance;
};

/// The convolutions that had a batch norm where it was folded: those with a bias whose only consumer is a silu. Names,
/// in order. Empty for a graph that has batch norms, or is quantized.
std::vector<std::string> folded_convolutions(const Graph& graph);

/// Puts a batch norm behind those convolutions that computes the same function: with mean m and variance v of the
/// convolution's output y (bias included), running_mean = m - bias, running_var = v, weight = sqrt(v + epsilon), bias =
/// m, and the convolution loses its bias: then weight * (y - bias - running_mean) / sqrt(running_var + epsilon) + bias
/// = y. While training, where a batch's statistics are near m and v, it starts as that function, too. Names follow the
/// published ones: `model.0.conv` gets `model.0.bn`. Throws Error{internal} where statistics are missing.
Graph unfold_batch_norms(Graph graph, const std::map<std::string, ChannelStatistics>& statistics);

}  // namespace quench::graph
