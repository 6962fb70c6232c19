#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "prune/channel_groups.h"

namespace quench::prune {

/// Importance of each unit, by group: what is cut first is the lowest.
using Scores = std::vector<std::vector<double>>;

/// What a group may lose at most.
struct Limits {
  int64_t round = 1;       ///< widths that were cut become multiples of it (upwards)
  int64_t keep_min = 1;    ///< channels that every group keeps
  double max_ratio = 1.0;  ///< share of a group's channels that may go
};

/// How units of different groups compare.
enum class Ranking {
  local,      ///< not at all: every group loses the same share
  global,     ///< by score
  isomorphic  ///< by score among groups of one form (the same operations around them); forms lose the same share
              ///< (Isomorphic Pruning, Fang et al. 2024)
};

/// Channels that a group of `width` keeps where `ratio` of it goes: floor(width x (1 - ratio)), at least one, within
/// the limits.
int64_t kept_width(int64_t width, double ratio, const Limits& limits);

/// Cuts `ratio` of the channels: of every group (local), of each form (isomorphic), or of all (global).
/// Ties go to the higher channel. Throws Error{config} for a ratio outside (0,1), and where nothing can be cut,
/// Error{data} for scores that are not finite, naming the group.
Keep keep_ratio(const graph::Graph& graph, const std::vector<ChannelGroup>& groups, const Scores& scores,
                Ranking ranking, double ratio, const Limits& limits);

/// A cost to bring down, which does not rise where a group loses channels.
struct Budget {
  std::function<double(const std::vector<int64_t>&)> cost;  ///< of units that stay, by group
  double target = 0;
  std::string what;  ///< "GFLOPs"
};

/// Cuts no more than it needs for cost <= target. Throws Error{config} where the limits do not allow it, saying the
/// least cost that they do.
Keep keep_budget(const graph::Graph& graph, const std::vector<ChannelGroup>& groups, const Scores& scores,
                 Ranking ranking, const Budget& budget, const Limits& limits);

}  // namespace quench::prune
