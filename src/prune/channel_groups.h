#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace quench::prune {

/// One channel (index of axis 1) of one edge.
struct ChannelAt {
  graph::EdgeId edge;
  int64_t channel;
  auto operator<=>(const ChannelAt&) const = default;
};

/// The channels that are cut together: the same value on its way through batch norm, activation, pooling, add, concat
/// and split. Sorted by edge, then channel.
using ChannelUnit = std::vector<ChannelAt>;

/// How a node meets the channels of a group.
enum class Role {
  makes,   ///< its weight has a row (axis 0) for each unit
  reads,   ///< its weight has a column (axis 1) for each unit
  follows  ///< passes them on: batch norm and depth-wise convolution (which have weights for each), add, concat, ...
};

/// A node that has channels of a group.
struct Member {
  int node;  ///< index into Graph::nodes
  Role role;
  bool operator==(const Member&) const = default;
};

/// Units that lie on the same edges, so that any of them may be cut and the rest still fit: a "layer's width".
/// C2f's first convolution makes two groups, one for each half of its split.
struct ChannelGroup {
  std::string name;                ///< of the first node that makes it; `#2` is the second group of the same node
  std::vector<ChannelUnit> units;  ///< in order of channels
  std::vector<Member> members;     ///< in the graph's order; every node once for each role
  std::string kept_because;        ///< why nothing may be cut here; empty where it may

  bool prunable() const { return kept_because.empty(); }
  int64_t width() const { return static_cast<int64_t>(units.size()); }
};

/// The groups of a graph, in the order of the nodes that make them, the graph's input first.
///
/// Found from the wiring alone (DepGraph, Fang et al. 2023, states the problem; here each channel is a set of its own
/// and operations unite sets, so that concat's offsets and split's halves need no rules of their own):
/// - batch norm, activations, pooling, upsampling and flatten unite a channel with itself behind them,
/// - add and mul unite the channels of both inputs,
/// - concat and split unite at their offsets,
/// - a depth-wise convolution unites an input channel with all outputs that it makes,
/// - a grouped convolution unites the i-th channels of its groups, on both sides, so that its groups stay equal,
/// - any other convolution, and linear, unite nothing: they mix.
/// Channels of graph inputs and outputs, and of weights that several nodes share, are kept. Matrix multiplications
/// over anything but [N,C] and [N,C,1,1] do not exist in the Graph.
std::vector<ChannelGroup> channel_groups(const graph::Graph& graph);

/// Marks the groups that a node whose name matches one of `patterns` makes (`*` stands for anything) as kept.
/// Throws Error{config} for a pattern that matches no convolution or linear layer, naming the nearest.
void protect(const graph::Graph& graph, const std::vector<std::string>& patterns, std::vector<ChannelGroup>& groups);

/// Which units stay: by group, by unit.
using Keep = std::vector<std::vector<bool>>;

/// All units of all groups.
Keep keep_all(const std::vector<ChannelGroup>& groups);

}  // namespace quench::prune
