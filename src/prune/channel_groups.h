#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/channel_units.h"
#include "graph/graph.h"

namespace quench::prune {

using ChannelUnit = std::vector<graph::Channel>;

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
/// and operations unite sets, so that concat's offsets and split's halves need no rules of their own:
/// graph/channel_units.h). Channels of graph inputs and outputs are kept.
std::vector<ChannelGroup> channel_groups(const graph::Graph& graph);

/// Marks the groups that a node whose name matches one of `patterns` makes (`*` stands for anything) as kept.
/// Throws Error{config} for a pattern that matches no convolution or linear layer, naming the nearest.
void protect(const graph::Graph& graph, const std::vector<std::string>& patterns, std::vector<ChannelGroup>& groups);

/// Which units stay: by group, by unit.
using Keep = std::vector<std::vector<bool>>;

/// All units of all groups.
Keep keep_all(const std::vector<ChannelGroup>& groups);

}  // namespace quench::prune
