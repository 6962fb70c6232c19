#include "metrics/cost.h"

#include "graph/op_traits.h"
#include "graph/packed_integers.h"
#include "graph/weight_groups.h"

namespace quench::metrics {
namespace {

using graph::Graph;
using graph::Node;

constexpr int64_t kFloatBits = 32;

int64_t edge_bits(const graph::Edge& edge) {
  if (edge.quant) return edge.quant->bits;
  return static_cast<int64_t>(size_of(edge.dtype)) * 8;
}

int64_t edge_bytes(const graph::Edge& edge) {
  const size_t element = edge.quant ? size_of(edge.quant->dtype) : size_of(edge.dtype);
  return element_count(edge.shape) * static_cast<int64_t>(element);
}

/// As stored in a deployed model: a quantized tensor in its integer type, with its scales, zero points, levels, and
/// factors of groups.
int64_t stored_bytes(const Graph& graph, const graph::Weight& weight) {
  if (!weight.quant) return static_cast<int64_t>(weight.value.size_bytes());
  const graph::QuantParams& quant = *weight.quant;
  const auto factor_bits = static_cast<int64_t>(quant.group_factors.size()) * graph::stored_factor_bits(quant);
  return (weight.value.size() * graph::stored_bits(graph, quant) + 7) / 8 + (factor_bits + 7) / 8 +
         static_cast<int64_t>(quant.scale.size() * sizeof(float) + quant.zero_point.size() * size_of(quant.dtype) +
                              quant.levels.size());
}

int64_t node_macs(const Graph& graph, const Node& node, const Shape& output) {
  if (!graph::traits(node.op).layer) return 0;
  const Shape& weight = graph.required_weight(node, "weight").value.shape();
  int64_t per_output = 1;  // inputs of one output element: [I/groups, kh, kw] or [I]
  for (size_t i = 1; i < weight.size(); ++i) per_output *= weight[i];
  return element_count(output) * per_output;
}

NodeCost node_cost(const Graph& graph, const Node& node) {
  NodeCost cost;
  cost.name = node.name;
  cost.op = to_string(node.op);
  cost.input = graph.edge(node.inputs.at(0)).shape;
  cost.output = graph.edge(node.outputs.at(0)).shape;
  for (const graph::WeightRole& role : graph::traits(node.op).weights) {
    const graph::Weight* weight = graph.weight(node, role.name);
    if (weight == nullptr) continue;
    if (role.learned) cost.params += weight->value.size();
    cost.weights_bytes += stored_bytes(graph, *weight);
  }
  for (graph::EdgeId output : node.outputs) cost.activation_bytes += edge_bytes(graph.edge(output));
  cost.macs = node_macs(graph, node, cost.output);
  if (cost.macs > 0) {
    const graph::Weight& weight = graph.required_weight(node, "weight");
    const int64_t bits_w = weight.quant ? weight.quant->bits : kFloatBits;
    const int64_t bits_a = edge_bits(graph.edge(node.inputs[0]));
    cost.bops = cost.macs * bits_w * bits_a;
  }
  return cost;
}

}  // namespace

Cost cost(const Graph& graph) {
  Cost total;
  for (const Node& node : graph.nodes) {
    total.nodes.push_back(node_cost(graph, node));
    const NodeCost& last = total.nodes.back();
    total.params += last.params;
    total.macs += last.macs;
    total.bops += last.bops;
    total.weights_bytes += last.weights_bytes;
  }
  total.gflops = 2 * static_cast<double>(total.macs) / 1e9;
  return total;
}

}  // namespace quench::metrics
