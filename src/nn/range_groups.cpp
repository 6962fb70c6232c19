#include "nn/range_groups.h"

#include <algorithm>
#include <numeric>

namespace quench::nn {

namespace {

using graph::EdgeId;
using graph::Op;

bool moves_values(Op op) {
  return op == Op::concat || op == Op::max_pool || op == Op::upsample || op == Op::split || op == Op::flatten;
}

EdgeId find_root(std::vector<EdgeId>& parent, EdgeId edge) {
  while (parent[edge] != edge) edge = parent[edge] = parent[parent[edge]];
  return edge;
}

bool same_grid(const graph::Graph& graph, EdgeId a, EdgeId b) {
  const auto& p = graph.edge(a).quant;
  const auto& q = graph.edge(b).quant;
  return p && q && p->axis < 0 && *p == *q;
}

}  // namespace

RangeGroups find_range_groups(const graph::Graph& graph) {
  const size_t count = graph.edges.size();
  std::vector<EdgeId> parent(count);
  std::iota(parent.begin(), parent.end(), 0);
  RangeGroups out;
  out.redundant.assign(count, false);
  for (const graph::Node& node : graph.nodes) {
    if (!moves_values(node.op)) continue;
    for (EdgeId output : node.outputs) {
      bool all_equal = true;
      for (EdgeId input : node.inputs) {
        if (same_grid(graph, input, output)) {
          parent[find_root(parent, input)] = find_root(parent, output);
        } else {
          all_equal = false;
        }
      }
      out.redundant[output] = all_equal;
    }
    // Two inputs of one concat may share a grid although the output carries none.
    for (size_t i = 1; i < node.inputs.size(); ++i) {
      if (same_grid(graph, node.inputs[0], node.inputs[i])) {
        parent[find_root(parent, node.inputs[i])] = find_root(parent, node.inputs[0]);
      }
    }
  }

  out.group.assign(count, -1);
  std::vector<int> group_of_root(count, -1);
  for (EdgeId edge = 0; edge < static_cast<EdgeId>(count); ++edge) {
    if (!graph.edge(edge).quant) continue;
    int& group = group_of_root[find_root(parent, edge)];
    if (group < 0) {
      group = static_cast<int>(out.members.size());
      out.members.emplace_back();
      out.learnable.push_back(true);
    }
    out.group[edge] = group;
    out.members[group].push_back(edge);
    if (graph.edge(edge).quant->axis >= 0) out.learnable[group] = false;
  }
  for (EdgeId input : graph.inputs) {
    if (out.group[input] >= 0) out.learnable[out.group[input]] = false;
  }
  for (const graph::Node& node : graph.nodes) {
    if (node.op != Op::sigmoid) continue;
    for (EdgeId edge : node.outputs) {
      if (out.group[edge] >= 0) out.learnable[out.group[edge]] = false;
    }
  }
  return out;
}

}  // namespace quench::nn
