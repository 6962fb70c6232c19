#include "why/changes.h"

#include <algorithm>

#include "graph/links.h"
#include "graph/op_traits.h"
#include "graph/quantized.h"
#include "quant/activation_after.h"
#include "quant/weight_params.h"
#include "why/structure.h"

namespace quench::why {
namespace {

using graph::EdgeId;
using graph::Graph;

/// Whether a node multiplies integers.
bool is_integer(const Graph& graph, const graph::Node& node) {
  return graph::rounds_weights(graph, node) && graph.edge(node.inputs.at(0)).quant.has_value();
}

/// Edges whose rounding serves these layers alone: every reader is one of them, or a node without weights whose outputs
/// are all such edges. What they make is so where it is an output of the graph.
std::vector<EdgeId> served_edges(const Graph& graph, const std::set<size_t>& layers) {
  const graph::Links links(graph);
  std::vector<bool> served(graph.edges.size());
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    const graph::Node& node = graph.nodes[i];
    std::vector<EdgeId> edges = node.inputs;
    if (layers.contains(i)) edges.insert(edges.end(), node.outputs.begin(), node.outputs.end());
    for (const EdgeId edge : edges) {
      const auto e = static_cast<size_t>(edge);
      const bool made_here = std::ranges::count(node.outputs, edge) > 0;
      const auto& readers = links.consumers[e];
      const bool all_served = std::ranges::all_of(readers, [&](int reader) {
        const auto r = static_cast<size_t>(reader);
        if (graph::traits(graph.nodes[r].op).layer) return layers.contains(r);
        return std::ranges::all_of(graph.nodes[r].outputs,
                                   [&](EdgeId out) { return served[static_cast<size_t>(out)]; });
      });
      served[e] = links.producer[e] >= 0 && all_served && (!links.is_output[e] || made_here);
    }
  }
  std::vector<EdgeId> out;
  for (size_t e = 0; e < served.size(); ++e) {
    if (served[e] && graph.edges[e].quant) out.push_back(static_cast<EdgeId>(e));
  }
  return out;
}

void take_weights(Graph& graph, const graph::Node& layer, const Graph& from) {
  for (const char* role : {"weight", "bias"}) {
    const graph::Weight* weight = from.weight(layer, role);
    if (weight != nullptr) graph.weights.at(layer.name + "." + role) = *weight;
  }
}

std::set<size_t> integer_layers(const Graph& graph, bool head_alone) {
  const graph::Links links(graph);
  std::set<size_t> out;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const graph::Node& node = graph.nodes[i];
    if (!graph::traits(node.op).layer || !is_integer(graph, node)) continue;
    const EdgeId end = quant::activation_after(graph, links, node).edge;
    if (!head_alone || links.is_output[static_cast<size_t>(end)]) out.insert(i);
  }
  return out;
}

/// Edges that are rounded to a chosen range: not the image.
bool is_chosen(const Graph& graph, size_t edge) {
  return graph.edges[edge].quant && std::ranges::count(graph.inputs, static_cast<EdgeId>(edge)) == 0;
}

Graph with_ranges(Graph graph, const Ranges& ranges) {
  for (const auto& [edge, params] : ranges) graph.edge(edge).quant = params;
  return graph;
}

Graph without_activation_rounding(Graph graph) {
  for (size_t e = 0; e < graph.edges.size(); ++e) {
    if (is_chosen(graph, e)) graph.edges[e].quant.reset();
  }
  return graph;
}

}  // namespace

bits::Change alone(const Forms& forms, size_t node) {
  const Graph& quantized = forms.quantized;
  const graph::Node& layer = quantized.nodes.at(node);
  bits::Change change{node, nn::load_node(quantized, layer, {}), quantized.edge(layer.inputs.at(0)).quant};
  for (const EdgeId edge : before_activation(quantized, layer)) {
    if (quantized.edge(edge).quant) change.edges.emplace(edge, quantized.edge(edge).quant);
  }
  return change;
}

bits::Change in_float(const Forms& forms, size_t node) {
  bits::Change change{node, nn::load_node(forms.reference, forms.quantized.nodes.at(node), {}), std::nullopt};
  for (const EdgeId edge : served_edges(forms.quantized, {node})) change.edges.emplace(edge, std::nullopt);
  for (const EdgeId edge : before_activation(forms.quantized, forms.quantized.nodes.at(node))) {
    change.edges.emplace(edge, std::nullopt);
  }
  return change;
}

Graph with_layers_in_float(const Forms& forms, const std::set<size_t>& layers) {
  Graph out = forms.quantized;
  for (const EdgeId edge : served_edges(forms.quantized, layers)) out.edge(edge).quant.reset();
  for (const size_t layer : layers) {
    take_weights(out, out.nodes.at(layer), forms.reference);
    for (const EdgeId edge : before_activation(forms.quantized, out.nodes.at(layer))) out.edge(edge).quant.reset();
  }
  return out;
}

std::map<Trial, Graph> trials_of(const Forms& forms, bool has_against, const Ranges& least_squares,
                                 const Ranges& in_8_bits) {
  const Graph& quantized = forms.quantized;
  const std::set<size_t> all = integer_layers(quantized, false), head = integer_layers(quantized, true);
  std::map<Trial, Graph> out;
  if (!head.empty()) out.emplace(Trial::head_in_float, with_layers_in_float(forms, head));
  out.emplace(Trial::activations_in_float, without_activation_rounding(quantized));
  if (has_against) {
    Graph floats = quantized, per_channel = quantized;
    const auto found = quantized.metadata.find("levels");
    const std::string levels = found == quantized.metadata.end() ? "uniform" : found->second;
    bool changes = false;
    for (const size_t i : all) {
      const graph::Node& layer = quantized.nodes[i];
      take_weights(floats, layer, forms.reference);
      const graph::QuantParams params = *quantized.required_weight(layer, "weight").quant;
      if (params.scale.size() > 1 || quantized.required_weight(layer, "weight").value.shape().at(0) < 2) continue;
      changes = true;
      take_weights(per_channel, layer, forms.reference);
      per_channel.weight(layer, "weight")->quant =
          quant::weight_params(per_channel, layer, params.bits,
                               {.axis = 0, .scales = "max_abs", .levels = levels, .group_size = params.group_size});
    }
    out.emplace(Trial::weights_in_float, std::move(floats));
    if (changes) out.emplace(Trial::weights_per_channel, std::move(per_channel));
  }
  if (!least_squares.empty()) out.emplace(Trial::least_squares_ranges, with_ranges(quantized, least_squares));
  if (!in_8_bits.empty()) out.emplace(Trial::activations_8_bits, with_ranges(quantized, in_8_bits));
  Graph once = quantized;
  bool twice = false;
  for (const size_t i : all) {
    for (const EdgeId edge : before_activation(quantized, quantized.nodes[i])) {
      twice |= once.edge(edge).quant.has_value();
      once.edge(edge).quant.reset();
    }
  }
  if (twice) out.emplace(Trial::rounded_once, std::move(once));
  return out;
}

}  // namespace quench::why
