#pragma once

#include <map>
#include <vector>

#include "graph/graph.h"

namespace quench::quant {

bool contains(const std::vector<graph::EdgeId>& edges, graph::EdgeId edge);

/// Whether a node's outputs hold values of its inputs alone, so that input and output can share integers: concat,
/// max_pool, upsample, split, flatten.
bool passes_values(graph::Op op);

/// Marked edges that passes_values nodes join, transitively; each group and the list of groups ascend. A graph input
/// stays apart from a concat's other inputs: its range is given, not chosen.
std::vector<std::vector<graph::EdgeId>> group_edges(const graph::Graph& graph, const std::vector<bool>& marked);

/// The edges of a group that bring values into it: those not made by a passes_values node from edges of the group.
std::vector<graph::EdgeId> sources_of(const graph::Graph& graph, const std::vector<graph::EdgeId>& group);

}  // namespace quench::quant
