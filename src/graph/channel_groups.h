#pragma once

#include <vector>

#include "graph/graph.h"

namespace quench::graph {

/// One channel (index along axis 1) of an edge.
struct Channel {
  EdgeId edge = 0;
  int64_t index = 0;
  bool operator==(const Channel&) const = default;
};

/// Channels that are there together or not at all: what structured pruning removes at a time. Operations that mix
/// channels (conv, linear) part groups: a group holds the channels that one filter makes, and all that follow from it
/// through operations that keep, join or divide channels. Both inputs of an add or mul agree channel by channel. A
/// convolution of as many groups as input channels (depthwise) ties each input channel to its outputs.
struct ChannelGroups {
  /// The channels of each group, by edge, then index. Groups stand in the order of their first channels.
  std::vector<std::vector<Channel>> members;
  /// Whether a group has to stay as it is: it reaches an input or output of the graph, or a convolution of some groups
  /// whose widths must stay equal.
  std::vector<bool> bound;

  int of(EdgeId edge, int64_t channel) const { return group_.at(first_.at(edge) + channel); }

 private:
  friend ChannelGroups channel_groups(const Graph& graph);
  std::vector<size_t> first_;  ///< of each edge: where its channels begin in group_
  std::vector<int> group_;
};

/// Takes a graph with its shapes ([N,C,H,W] or [N,C]); folded or not.
ChannelGroups channel_groups(const Graph& graph);

}  // namespace quench::graph
