#pragma once

#include <cstdint>
#include <vector>

#include "graph/graph.h"
#include "prune/channel_groups.h"

namespace quench::prune {

/// Channels of an edge at given widths: the sum over its groups of times x kept.
class EdgeChannels {
 public:
  /// kept: units that stay, by group.
  int64_t at(const std::vector<int64_t>& kept) const;

  /// Whether no group lies on the edge.
  bool none() const { return parts_.empty(); }

 private:
  friend std::vector<EdgeChannels> edge_channels(const graph::Graph& graph, const std::vector<ChannelGroup>& groups);
  struct Part {
    size_t group;
    int64_t times;  ///< channels of a unit on this edge
  };
  std::vector<Part> parts_;
};

/// Of every edge, by its id; without parts where no group lies on it.
std::vector<EdgeChannels> edge_channels(const graph::Graph& graph, const std::vector<ChannelGroup>& groups);

}  // namespace quench::prune
