#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace quench::quant {

enum class Target { onnxruntime, tensorrt, native };
/// Throws Error{config} naming the nearest.
Target target_from(const std::string& name);

/// Where quantization stands for a target: the one policy that PTQ, QAT and the exporter share.
struct Placement {
  graph::Graph graph;  ///< folded, in the form that the target quantizes (e.g. silu as sigmoid + mul)
  /// Edges to quantize, in groups that share one range (concat inputs and output; max_pool, upsample, split pass
  /// scales through). Fixed ones are not here.
  std::vector<std::vector<graph::EdgeId>> groups;
  /// Ranges that are known beforehand: the image (1/255, 0), sigmoid's output (1/256, 0).
  std::map<graph::EdgeId, graph::QuantParams> fixed;
  /// Names of nodes whose weights are quantized.
  std::vector<std::string> weights;
  /// Names of weighted nodes that stay in float.
  std::vector<std::string> float_layers;
};

struct PlacementOptions {
  Target target = Target::onnxruntime;
  /// Node names (or prefixes ending in `.`, or `*` patterns) to keep in float. Error{config} where one matches nothing.
  std::vector<std::string> float_layers;
};

Placement place(const graph::Graph& float_graph, const PlacementOptions& options);

}  // namespace quench::quant
