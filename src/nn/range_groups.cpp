#include "nn/range_groups.h"

#include <algorithm>

#include "graph/op_traits.h"
#include "graph/scale_groups.h"

namespace quench::nn {

namespace {

using graph::EdgeId;
using graph::Node;

bool same_grid(const graph::Graph& graph, EdgeId a, EdgeId b) {
  const auto& p = graph.edge(a).quant;
  return p->axis < 0 && !p->dynamic && *p == *graph.edge(b).quant;
}

}  // namespace

RangeGroups find_range_groups(const graph::Graph& graph) {
  const graph::Links links(graph);
  std::vector<bool> quantized;
  for (const graph::Edge& edge : graph.edges) quantized.push_back(edge.quant.has_value());
  RangeGroups out;
  // Inputs of one concat may share a grid although the output carries none; outputs alone need not.
  out.members = graph::scale_groups(graph, quantized, [&](const Node& node, EdgeId a, EdgeId b) {
    return same_grid(graph, a, b) && std::ranges::count(node.inputs, a) > 0;
  });
  out.group.assign(graph.edges.size(), -1);
  out.redundant.assign(graph.edges.size(), false);
  for (const std::vector<EdgeId>& members : out.members) {
    const auto fixed = [&](EdgeId edge) {
      const int producer = links.producer[edge];
      return producer < 0 || graph.edge(edge).quant->axis >= 0 || graph.edge(edge).quant->dynamic ||
             graph::traits(graph.nodes[producer].op).unit_range;
    };
    out.learnable.push_back(std::ranges::none_of(members, fixed));
    for (const EdgeId edge : members) {
      out.group[edge] = static_cast<int>(out.learnable.size()) - 1;
      out.redundant[edge] = true;
    }
    for (const EdgeId edge : graph::sources_of(graph, links, members)) out.redundant[edge] = false;
  }
  return out;
}

}  // namespace quench::nn
