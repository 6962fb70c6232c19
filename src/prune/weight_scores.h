#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "prune/channel_groups.h"
#include "prune/selection.h"

namespace quench::prune {

/// How the values of a group's members become one.
enum class Reduction { mean, sum, max, first };
/// What a group's scores are divided by, so that layers compare.
enum class Normalisation {
  none,
  mean,  ///< of the group
  max,
  lamp  ///< squares over the sum of squares that are not smaller (Lee et al. 2021, layer-adaptive magnitude)
};

/// Importance of channels as members see it: by group, by member that has a say, by unit.
using MemberScores = std::vector<std::vector<std::vector<double>>>;

/// Scores of units from those of members; none for a group without members that have a say.
Scores reduce(const MemberScores& members, Reduction reduction, Normalisation normalisation);

/// |w| summed (p = 1) or the root of its squares' sum (p = 2) over the filters that make a unit's channels (Li et al.
/// 2017). Members: the convolutions and linear layers that make the group, and depth-wise ones that follow.
MemberScores magnitude(const graph::Graph& graph, const std::vector<ChannelGroup>& groups, int p);

/// |gamma| of the batch norms that follow (Network Slimming, Liu et al. 2017). Throws Error{config} where a group has
/// none (folded models).
MemberScores batch_norm_scale(const graph::Graph& graph, const std::vector<ChannelGroup>& groups);

/// Sum of a filter's Euclidean distances to the filters of the group's other units: near the geometric median, and so
/// replaceable, where small (FPGM, He et al. 2019).
MemberScores geometric_median(const graph::Graph& graph, const std::vector<ChannelGroup>& groups);

/// Uniform by seed and group's name: the control that a criterion must beat.
MemberScores at_random(const std::vector<ChannelGroup>& groups, uint64_t seed);

}  // namespace quench::prune
