#include "prune/edge_channels.h"

#include <map>

namespace quench::prune {

int64_t EdgeChannels::at(const std::vector<int64_t>& kept) const {
  int64_t sum = 0;
  for (const Part& part : parts_) sum += part.times * kept[part.group];
  return sum;
}

std::vector<EdgeChannels> edge_channels(const graph::Graph& graph, const std::vector<ChannelGroup>& groups) {
  std::vector<EdgeChannels> edges(graph.edges.size());
  for (size_t g = 0; g < groups.size(); ++g) {
    std::map<graph::EdgeId, int64_t> times;
    for (const graph::Channel& at : groups[g].units.front()) ++times[at.edge];
    for (const auto& [edge, n] : times) edges[static_cast<size_t>(edge)].parts_.push_back({g, n});
  }
  return edges;
}

}  // namespace quench::prune
