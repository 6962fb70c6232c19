#pragma once

#include "graph/graph.h"
#include "prune/channel_groups.h"

namespace quench::prune {

/// Throws Error{config} for a quantized graph: prune first, then quantize.
void require_float(const graph::Graph& graph);

/// The graph without the channels that `keep` drops: weights' rows and columns, batch norms' channels, splits' sizes,
/// convolutions' groups and all shapes follow. An ordinary model with the same nodes and names.
/// Throws Error{config} for a quantized graph (prune first, then quantize), for a group that is kept whole by rule
/// (`kept_because`) but not by `keep`, and where a group would lose all of its channels.
graph::Graph cut_channels(const graph::Graph& graph, const std::vector<ChannelGroup>& groups, const Keep& keep);

/// The graph with the channels of `twice` made twice, one copy beside the other, and read by weights that are half as
/// large each time: the same function. Depth-wise convolutions follow. Throws Error{config} for a quantized graph and
/// for a group that is kept whole by rule.
graph::Graph double_channels(const graph::Graph& graph, const std::vector<ChannelGroup>& groups, const Keep& twice);

/// The graph at full width with those channels at 0: the rows of the weights that make them, their biases, and batch
/// norm's weight and bias. Where activations map 0 to 0 (silu, relu), its outputs are those of `cut_channels`.
/// Throws as `cut_channels`.
graph::Graph zero_channels(const graph::Graph& graph, const std::vector<ChannelGroup>& groups, const Keep& keep);

}  // namespace quench::prune
