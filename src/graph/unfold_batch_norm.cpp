#include "graph/unfold_batch_norm.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/error.h"
#include "graph/free_name.h"
#include "graph/links.h"
#include "graph/passes.h"
#include "graph/quantized.h"

namespace quench::graph {
namespace {

/// `model.0.conv` -> `model.0.bn`; `x` -> `x.bn`.
std::string norm_name(const std::string& conv) {
  constexpr std::string_view kConv = ".conv";
  return (conv.ends_with(kConv) ? conv.substr(0, conv.size() - kConv.size()) : conv) + ".bn";
}

Tensor floats(const std::vector<double>& values) {
  Tensor out(DType::f32, {static_cast<int64_t>(values.size())});
  std::ranges::transform(values, out.mutable_values<float>().begin(), [](double x) { return static_cast<float>(x); });
  return out;
}

}  // namespace

std::vector<std::string> folded_convolutions(const Graph& graph) {
  std::vector<std::string> names;
  if (is_quantized(graph)) return names;
  const Links links(graph);
  std::set<EdgeId> activated;
  for (const Node& node : graph.nodes) {
    if (node.op == Op::batch_norm) return {};
    if (node.op == Op::silu) activated.insert(node.inputs.at(0));
  }
  for (const Node& node : graph.nodes) {
    if (node.op != Op::conv || node.activation != Activation::none || !graph.weight(node, "bias")) continue;
    const EdgeId out = node.outputs.at(0);
    if (activated.contains(out) && links.uses(out) == 1) names.push_back(node.name);
  }
  return names;
}

Graph unfold_batch_norms(Graph graph, const std::map<std::string, ChannelStatistics>& statistics) {
  const std::vector<std::string> folded = folded_convolutions(graph);
  std::set<std::string> edge_names, node_names;
  for (const Edge& edge : graph.edges) edge_names.insert(edge.name);
  for (const Node& node : graph.nodes) node_names.insert(node.name);
  std::vector<Node> nodes;
  for (Node& node : graph.nodes) {
    nodes.push_back(node);
    if (std::ranges::find(folded, node.name) == folded.end()) continue;
    const auto found = statistics.find(node.name);
    const Tensor old_bias = graph.required_weight(node, "bias").value;
    const auto bias = old_bias.values<float>();
    ensure(found != statistics.end() && found->second.mean.size() == bias.size() &&
               found->second.variance.size() == bias.size(),
           "[graph.unfold] expected statistics of {} channels (node {})", bias.size(), node.name);
    const auto& [mean, variance] = found->second;
    const std::string name =
        free_name(norm_name(node.name), [&](const std::string& n) { return node_names.contains(n); });
    node_names.insert(name);

    const EdgeId out = node.outputs[0];
    Edge between = graph.edge(out);
    between.name = free_name(node.name, [&](const std::string& n) { return edge_names.contains(n); });
    edge_names.insert(between.name);
    const EdgeId raw = graph.add_edge(between);
    nodes.back().outputs = {raw};
    const BatchNormAttributes attributes;
    nodes.push_back({name, Op::batch_norm, attributes, {raw}, {out}});

    std::vector<double> weight(bias.size()), running_mean(bias.size());
    for (size_t c = 0; c < bias.size(); ++c) {
      weight[c] = std::sqrt(variance[c] + static_cast<double>(attributes.epsilon));
      running_mean[c] = mean[c] - bias[c];
    }
    graph.weights.erase(node.name + ".bias");
    graph.weights[name + ".weight"] = {floats(weight), std::nullopt};
    graph.weights[name + ".bias"] = {floats(mean), std::nullopt};
    graph.weights[name + ".running_mean"] = {floats(running_mean), std::nullopt};
    graph.weights[name + ".running_var"] = {floats(variance), std::nullopt};
  }
  graph.nodes = std::move(nodes);
  return compact(std::move(graph));
}

}  // namespace quench::graph
