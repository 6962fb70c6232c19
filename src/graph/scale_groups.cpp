#include "graph/scale_groups.h"

#include <algorithm>
#include <map>

#include "graph/op_traits.h"
#include "graph/union_find.h"

namespace quench::graph {

std::vector<std::vector<EdgeId>> scale_groups(const Graph& graph, const std::vector<bool>& in,
                                              const SharesScale& shares) {
  UnionFind sets(graph.edges.size());
  for (const Node& node : graph.nodes) {
    if (!traits(node.op).moves_values) continue;
    std::vector<EdgeId> edges = node.inputs;
    edges.insert(edges.end(), node.outputs.begin(), node.outputs.end());
    for (size_t b = 1; b < edges.size(); ++b) {
      for (size_t a = 0; a < b; ++a) {
        if (in[edges[a]] && in[edges[b]] && shares(node, edges[a], edges[b])) sets.join(edges[a], edges[b]);
      }
    }
  }
  std::map<size_t, std::vector<EdgeId>> by_root;  // the root is the least edge of its set
  for (size_t edge = 0; edge < graph.edges.size(); ++edge) {
    if (in[edge]) by_root[sets.root(edge)].push_back(static_cast<EdgeId>(edge));
  }
  std::vector<std::vector<EdgeId>> groups;
  for (auto& [root, members] : by_root) groups.push_back(std::move(members));
  return groups;
}

std::vector<EdgeId> sources_of(const Graph& graph, const Links& links, const std::vector<EdgeId>& group) {
  const auto in_group = [&](EdgeId edge) { return std::ranges::binary_search(group, edge); };
  std::vector<EdgeId> sources;
  for (const EdgeId edge : group) {
    const int producer = links.producer.at(edge);
    const bool moved = producer >= 0 && traits(graph.nodes[producer].op).moves_values &&
                       std::ranges::all_of(graph.nodes[producer].inputs, in_group);
    if (!moved) sources.push_back(edge);
  }
  return sources;
}

}  // namespace quench::graph
