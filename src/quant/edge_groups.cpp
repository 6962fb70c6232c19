#include "quant/edge_groups.h"

#include <algorithm>
#include <numeric>

namespace quench::quant {

using graph::EdgeId;
using graph::Graph;
using graph::Node;
using graph::Op;

namespace {

class UnionFind {
 public:
  explicit UnionFind(size_t size) : parent_(size) { std::iota(parent_.begin(), parent_.end(), 0); }
  EdgeId root(EdgeId id) {
    while (parent_[id] != id) id = parent_[id] = parent_[parent_[id]];
    return id;
  }
  void join(EdgeId a, EdgeId b) { parent_[std::max(root(a), root(b))] = std::min(root(a), root(b)); }

 private:
  std::vector<EdgeId> parent_;
};

}  // namespace

bool contains(const std::vector<EdgeId>& edges, EdgeId edge) {
  return std::find(edges.begin(), edges.end(), edge) != edges.end();
}

bool passes_values(Op op) {
  return op == Op::concat || op == Op::max_pool || op == Op::upsample || op == Op::split || op == Op::flatten;
}

std::vector<std::vector<EdgeId>> group_edges(const Graph& graph, const std::vector<bool>& marked) {
  UnionFind sets(graph.edges.size());
  for (const Node& node : graph.nodes) {
    if (!passes_values(node.op)) continue;
    EdgeId anchor = -1;
    const auto join = [&](EdgeId edge) {
      if (!marked[edge] || (node.op == Op::concat && contains(graph.inputs, edge))) return;
      if (anchor >= 0) sets.join(anchor, edge);
      anchor = edge;
    };
    for (const EdgeId edge : node.inputs) join(edge);
    for (const EdgeId edge : node.outputs) join(edge);
  }
  std::map<EdgeId, std::vector<EdgeId>> by_root;  // the root is the least id of its set
  for (EdgeId edge = 0; edge < static_cast<EdgeId>(graph.edges.size()); ++edge) {
    if (marked[edge]) by_root[sets.root(edge)].push_back(edge);
  }
  std::vector<std::vector<EdgeId>> groups;
  for (auto& [root, members] : by_root) groups.push_back(std::move(members));
  return groups;
}

std::vector<EdgeId> sources_of(const Graph& graph, const std::vector<EdgeId>& group) {
  std::vector<EdgeId> sources;
  for (const EdgeId edge : group) {
    const int producer = graph.producer(edge);
    const bool derived = producer >= 0 && passes_values(graph.nodes[producer].op) &&
                         std::all_of(graph.nodes[producer].inputs.begin(), graph.nodes[producer].inputs.end(),
                                     [&](EdgeId input) { return contains(group, input); });
    if (!derived) sources.push_back(edge);
  }
  return sources;
}

}  // namespace quench::quant
