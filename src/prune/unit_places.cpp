#include "prune/unit_places.h"

#include "graph/op_traits.h"

namespace quench::prune {

std::vector<int> filters_of(const graph::Graph& graph, const ChannelGroup& group) {
  std::vector<int> nodes;
  for (const Member& member : group.members) {
    if (graph::traits(graph.nodes[member.node].op).layer && member.role != Role::reads) nodes.push_back(member.node);
  }
  return nodes;
}

std::vector<std::vector<int64_t>> places_on(const ChannelGroup& group, graph::EdgeId edge) {
  std::vector<std::vector<int64_t>> places;
  for (const ChannelUnit& unit : group.units) {
    auto& of_unit = places.emplace_back();
    for (const graph::Channel& at : unit) {
      if (at.edge == edge) of_unit.push_back(at.index);
    }
  }
  return places;
}

}  // namespace quench::prune
