#pragma once

#include <functional>
#include <vector>

#include "graph/graph.h"
#include "graph/links.h"

namespace quench::graph {

/// Whether two edges of one node that moves values (OpTraits::moves_values) must share a scale. `a` stands before `b`
/// among the node's inputs, then outputs.
using SharesScale = std::function<bool(const Node& node, EdgeId a, EdgeId b)>;

/// Groups of edges that must keep one scale: where nodes that move values connect edges that are `in` (one flag an
/// edge), those that `shares` says, transitively. An edge that is joined to nothing is a group of its own. Each group
/// and the list of groups ascend.
std::vector<std::vector<EdgeId>> scale_groups(const Graph& graph, const std::vector<bool>& in,
                                              const SharesScale& shares);

/// The edges of a group that bring values into it: those not made by a node that moves values from edges of the group
/// alone. The others are on the group's grid already.
std::vector<EdgeId> sources_of(const Graph& graph, const Links& links, const std::vector<EdgeId>& group);

}  // namespace quench::graph
