#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "prune/channel_groups.h"

namespace quench::prune {

/// The channels to split of a group, `count` of them at most, which are those whose doubling leaves the least rounding
/// noise in the layers that read the group. A channel that is there twice is read by half the weights each time, so
/// that the scale of an output channel, whose largest weight is among these, falls. With a scale for each output
/// channel o noise is proportional to the sum over o of max_i |w_oi|^2; channels are taken one by one, the one of the
/// largest fall first, until none falls. By unit.
std::vector<bool> channels_to_split(const graph::Graph& graph, const ChannelGroup& group, int64_t count);

struct SplitChannels {
  graph::Graph graph;
  int64_t channels = 0;  ///< that are there twice
  int64_t groups = 0;    ///< that have such
};

/// Outlier channel splitting (OCS: Zhao et al. 2019, section 3): ceil(ratio x width) channels at most of each group are
/// made twice, and read by half the weights. The model computes the same but for the order of sums. The layers that
/// make the channels have their filters twice, so that no operation is added, and activations between (SiLU too) see
/// both copies. Groups that prune keeps by rule (images, outputs) and those of `protect` stay. Metadata
/// `split_channels`: how many.
///
/// Deviations: the paper splits the channel of the largest weight of the layer, for one scale a layer, and may split
/// one more than once; here each is split once at most, and all layers that read it share its copies. Weights are
/// halved exactly (no shift by half a step).
///
/// graph: float, dense. ratio: in (0, 1]. Throws Error{config} for another ratio, a quantized graph, and as protect().
SplitChannels split_channels(const graph::Graph& graph, double ratio, const std::vector<std::string>& protect);

}  // namespace quench::prune
