#pragma once

#include <cstdint>
#include <vector>

#include "graph/graph.h"
#include "prune/channel_groups.h"

namespace quench::prune {

/// Nodes (indices) with a filter for each channel of the group: convolutions and linear layers that make it, and
/// depth-wise convolutions that follow.
std::vector<int> filters_of(const graph::Graph& graph, const ChannelGroup& group);

/// The channels of each unit on an edge of the group, by unit: rows (axis 0) of the weights that make them.
std::vector<std::vector<int64_t>> places_on(const ChannelGroup& group, graph::EdgeId edge);

}  // namespace quench::prune
