#pragma once

#include <compare>
#include <vector>

#include "graph/graph.h"

namespace quench::graph {

/// One channel (index along axis 1) of an edge.
struct Channel {
  EdgeId edge = 0;
  int64_t index = 0;
  auto operator<=>(const Channel&) const = default;
};

/// Channels that are there together or not at all: what structured pruning removes at a time. Operations that mix
/// channels (conv, linear) part units: a unit holds the channels that one filter makes, and all that follow from it
/// through operations that keep, join or divide channels. Both inputs of an add or mul agree channel by channel. A
/// convolution of as many groups as input channels (depthwise) ties each input channel to its outputs; one of fewer
/// groups ties the i-th channels of its groups, on both sides, so that its groups stay equal.
struct ChannelUnits {
  /// The channels of each unit, by edge, then index. Units stand in the order of their first channels.
  std::vector<std::vector<Channel>> members;

  /// The unit of a channel.
  int of(EdgeId edge, int64_t channel) const { return unit_.at(first_.at(edge) + channel); }

 private:
  friend ChannelUnits channel_units(const Graph& graph);
  std::vector<size_t> first_;  ///< of each edge: where its channels begin in unit_
  std::vector<int> unit_;
};

/// Takes a graph with its shapes ([N,C,H,W] or [N,C]); folded or not.
ChannelUnits channel_units(const Graph& graph);

/// A convolution whose every output channel reads one input channel: as many groups as input channels, more than one.
bool is_depthwise(const Graph& graph, const Node& node);

}  // namespace quench::graph
