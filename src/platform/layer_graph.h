#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"
#include "metrics/layer_shape.h"

namespace quench::platform {

/// Layers of one shape that are timed together: `in` input channels, and each of `out` output channels.
struct LayerWidths {
  metrics::LayerShape shape;
  int64_t in = 1;
  std::vector<int64_t> out;  ///< of layers that do not mix channels: what `in` says, once
};

/// Name of the node of out[index] in layer_graph().
std::string timed_node(size_t index);

/// A model that holds these layers side by side, between others that feed and read them as in a model: a 1 x 1
/// convolution makes their input, and what they make is read by an average, or a sigmoid, for engines write what leaves
/// the model in another form. Weights are small random numbers. Throws Error{data} for a shape that no layer can have.
graph::Graph layer_graph(const LayerWidths& layers);

/// A float model as if it had been quantized, with made-up scales and weights: only its time means anything.
/// Convolutions that make the model's outputs stay in float, as `quench quantize` leaves them for the native engine.
graph::Graph as_integers(const graph::Graph& float_graph);

}  // namespace quench::platform
