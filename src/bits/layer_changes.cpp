#include "bits/layer_changes.h"

#include <ATen/ATen.h>

#include <set>

#include "core/error.h"

namespace quench::bits {
namespace {

/// Edges that a placement rounds.
std::set<graph::EdgeId> rounded_edges(const quant::Placement& placement) {
  std::set<graph::EdgeId> edges;
  for (const auto& [edge, params] : placement.fixed) edges.insert(edge);
  for (const auto& group : placement.groups) edges.insert(group.begin(), group.end());
  return edges;
}

}  // namespace

Change alone(const LayerSource& source, size_t node, int bits, double& weight_error) {
  const graph::Graph& quantized = source.prepared.graph;
  const graph::Node& layer = quantized.nodes.at(node);
  const auto squares = source.prepared.mean_squares.find(layer.inputs.at(0));
  graph::Graph one;  // the layer alone, so that no other weight is copied
  one.nodes = {layer};
  for (const char* role : {"weight", "bias"}) {
    const graph::Weight* weight = source.twin.weight(layer, role);
    if (weight != nullptr) one.weights.emplace(layer.name + "." + role, *weight);
  }
  one.weight(layer, "weight")->quant =
      quant::weight_params(quantized, layer, bits, source.rule,
                           squares == source.prepared.mean_squares.end() ? std::span<const double>()
                                                                         : std::span<const double>(squares->second));
  Change change{node, nn::load_node(one, layer, {}), quantized.edge(layer.inputs[0]).quant};
  const torch::NoGradGuard no_gradient;
  weight_error = change.weights.weight.value(true, false, {})
                     .sub(change.weights.weight.tensor)
                     .square()
                     .sum(torch::kDouble)
                     .item<double>();
  return change;
}

Change in_float(const LayerSource& source, size_t node) {
  const graph::Graph& quantized = source.prepared.graph;
  const graph::Node& layer = quantized.nodes.at(node);
  quant::PlacementOptions options = source.options;
  options.float_layers.push_back(layer.name);
  const quant::Placement placement = quant::place(source.float_model, options);
  ensure(placement.graph.edges.size() == quantized.edges.size(),
         "[bits.layer_changes] expected one form of the model, got two (layer {})", layer.name);
  Change change{node, nn::load_node(source.twin, layer, {}), std::nullopt};
  const std::set<graph::EdgeId> rounded = rounded_edges(placement);
  for (size_t i = 0; i < quantized.edges.size(); ++i) {
    const auto edge = static_cast<graph::EdgeId>(i);
    if (quantized.edge(edge).quant && !rounded.contains(edge)) change.edges.emplace(edge, std::nullopt);
  }
  return change;
}

}  // namespace quench::bits
