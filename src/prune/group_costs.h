#pragma once

#include <cstdint>
#include <vector>

#include "graph/graph.h"
#include "prune/channel_groups.h"

namespace quench::prune {

/// What the model has less where a group loses one channel and no other group loses any.
struct GroupCost {
  int64_t params = 0;
  int64_t macs = 0;  ///< for one image; GFLOPs are 2 x macs / 1e9
};

/// Of every group, in their order; of those that are kept too: it is what keeping them costs. A group of one channel
/// gives what it costs whole.
std::vector<GroupCost> group_costs(const graph::Graph& graph, const std::vector<ChannelGroup>& groups);

}  // namespace quench::prune
