#include "metrics/layer_widths.h"

#include <algorithm>
#include <map>
#include <vector>

#include "graph/op_traits.h"

namespace quench::metrics {
namespace {

struct Layer {
  std::string name;
  int64_t count = 0;                        ///< of weights
  int64_t weights = 0;                      ///< bits
  std::optional<int64_t> activations = {};  ///< bits; empty where it reads the image
};

std::vector<Layer> quantized_layers(const graph::Graph& graph) {
  std::vector<Layer> layers;
  for (const graph::Node& node : graph.nodes) {
    if (!graph::traits(node.op).layer) continue;
    const graph::Weight& weight = graph.required_weight(node, "weight");
    if (!weight.quant) continue;
    Layer layer{node.name, weight.value.size(), weight.quant->bits};
    const graph::EdgeId input = node.inputs.at(0);
    if (std::ranges::count(graph.inputs, input) == 0) {
      const auto& quant = graph.edge(input).quant;
      layer.activations = quant ? quant->bits : 32;
    }
    layers.push_back(std::move(layer));
  }
  return layers;
}

/// The key of the greatest value; of equals the greatest key.
std::optional<int64_t> most(const std::map<int64_t, int64_t>& counts) {
  std::optional<int64_t> best;
  for (const auto& [width, count] : counts) {
    if (!best || count >= counts.at(*best)) best = width;
  }
  return best;
}

}  // namespace

LayerWidths layer_widths(const graph::Graph& graph) {
  const std::vector<Layer> layers = quantized_layers(graph);
  if (layers.empty()) return {};
  std::map<int64_t, int64_t> weights, activations;
  double bits = 0, count = 0;
  for (const Layer& layer : layers) {
    weights[layer.weights] += layer.count;
    if (layer.activations) ++activations[*layer.activations];
    bits += static_cast<double>(layer.weights * layer.count);
    count += static_cast<double>(layer.count);
  }
  LayerWidths widths{most(weights).value(), most(activations).value_or(8), {}, {}};
  if (count > 0) widths.mean_weights = bits / count;
  for (const Layer& layer : layers) {
    std::string differs;
    if (layer.weights != widths.weights) differs += "w" + std::to_string(layer.weights);
    if (layer.activations && layer.activations != widths.activations)
      differs += "a" + std::to_string(*layer.activations);
    if (!differs.empty()) widths.others += (widths.others.empty() ? "" : ",") + layer.name + "=" + differs;
  }
  return widths;
}

}  // namespace quench::metrics
