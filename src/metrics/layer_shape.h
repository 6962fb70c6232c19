#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/json.h"
#include "graph/graph.h"

namespace quench::metrics {

/// What decides how long a layer takes on a machine, beside its channels.
struct LayerShape {
  graph::Op op = graph::Op::conv;
  graph::Attributes attributes;  ///< a depth-wise convolution has groups 0: as many as channels, however many these are
  graph::Activation activation = graph::Activation::none;  ///< fused into it
  int64_t height = 1, width = 1;                           ///< of its input; 1 x 1 for [N,C]
  bool integers = false;                                   ///< int8 weights and activations; else float32

  bool depthwise() const;
  /// conv and linear: its time depends on input and output channels. Others, and depth-wise ones, have as many of both.
  bool mixes() const;
  bool operator==(const LayerShape&) const = default;
};

/// As JSON: {"op": "conv", "size": [16, 16], "kernel": [3, 3], ...}. Equal shapes give equal text.
Json to_json(const LayerShape& shape);
/// Throws Error{data} naming `where` for what is none, or is larger than any layer (sides of more than 65536).
LayerShape layer_shape_from(const Json& json, const std::string& where);

/// A layer of a model that takes time.
struct ShapedLayer {
  std::string name;  ///< of the node
  LayerShape shape;
  std::string input, output;  ///< names of its (first) input edge and of its output edge
  int64_t in_channels = 0, out_channels = 0;
};

/// The layers of a float model that take time on engines for deployment, in order: batch norms are folded and
/// activations fused; concat, split and flatten move nothing and are left out. integers: as they would be quantized,
/// where convolutions that make the graph's outputs stay in float.
std::vector<ShapedLayer> shaped_layers(const graph::Graph& graph, bool integers);

}  // namespace quench::metrics
