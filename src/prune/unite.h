#pragma once

#include <vector>

#include "graph/graph.h"
#include "prune/channel_groups.h"

namespace quench::prune {

/// A convolution whose every output channel reads one input channel (groups equal its input channels).
bool is_depthwise(const graph::Graph& graph, const graph::Node& node);

/// Disjoint sets over all channels of all edges (union-find with halving of paths).
class ChannelSets {
 public:
  explicit ChannelSets(const graph::Graph& graph);
  void unite(ChannelAt a, ChannelAt b);
  /// The sets, in order of their first channels.
  std::vector<ChannelUnit> units();

 private:
  size_t index(ChannelAt at) const;
  size_t root(size_t i);

  std::vector<size_t> first_;  ///< index of channel 0, by edge; one more at the end
  std::vector<size_t> parent_;
};

/// The sets of a graph, by the rules of `channel_groups`. Throws Error{data} for a value that has no channels.
ChannelSets unite_channels(const graph::Graph& graph);

}  // namespace quench::prune
