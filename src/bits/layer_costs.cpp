#include "bits/layer_costs.h"

#include <algorithm>
#include <map>

#include "core/error.h"
#include "metrics/cost.h"

namespace quench::bits {
namespace {

double of_kind(const metrics::NodeCost& cost, CostKind kind) {
  return static_cast<double>(kind == CostKind::bytes ? cost.weights_bytes : cost.bops);
}

/// ns of each layer by its node's name, and of all that is no layer of `names`.
std::map<std::string, double> times_of(const prune::Latency& latency) {
  std::map<std::string, double> times;
  for (const prune::Latency::Layer& layer : latency.layers) {
    times[layer.layer.name] += latency.scale * layer.ns(layer.layer.in_channels, layer.layer.out_channels);
  }
  return times;
}

}  // namespace

LayerCosts counted_costs(const LayerSource& source, const std::vector<size_t>& layers, const std::vector<int>& widths,
                         CostKind kind) {
  LayerCosts out;
  out.unit = kind == CostKind::bytes ? "bytes" : "bit operations";
  out.layers.resize(layers.size());
  for (const int bits : widths) {
    graph::Graph at = bits == 0 ? source.twin : source.prepared.graph;
    for (const size_t node : layers) {
      if (bits == 0) break;
      graph::Node& layer = at.nodes.at(node);
      at.weight(layer, "weight")->quant = quant::weight_params(source.prepared.graph, layer, bits, {source.rule.axis});
    }
    if (bits != 0) at = quant::convert(at);
    const metrics::Cost cost = metrics::cost(at);
    for (size_t i = 0; i < layers.size(); ++i) out.layers[i].push_back(of_kind(cost.nodes.at(layers[i]), kind));
    if (bits != widths.front()) continue;
    for (size_t node = 0; node < cost.nodes.size(); ++node) {
      if (std::ranges::count(layers, node) == 0) out.rest += of_kind(cost.nodes[node], kind);
    }
  }
  return out;
}

LayerCosts latency_costs(const std::vector<std::string>& names, const std::vector<int>& widths,
                         const prune::Latency& in_float, const prune::Latency& in_int8) {
  LayerCosts out;
  out.unit = "ns";
  const auto floats = times_of(in_float), integers = times_of(in_int8);
  for (const std::string& name : names) {
    std::vector<double>& layer = out.layers.emplace_back();
    for (const int bits : widths) {
      const auto& times = bits == 0 ? floats : integers;
      const auto found = times.find(name);
      if (found == times.end()) {
        fail(ErrorKind::unsupported, "[bits.layer_costs] expected a time of each layer, got none (layer {})", name);
      }
      layer.push_back(found->second);
    }
  }
  out.rest = in_int8.constant_ns;
  for (const auto& [name, ns] : integers) {
    if (std::ranges::count(names, name) == 0) out.rest += ns;
  }
  return out;
}

}  // namespace quench::bits
