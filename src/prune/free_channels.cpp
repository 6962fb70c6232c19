#include "prune/free_channels.h"

#include <algorithm>

#include "prune/width_cost.h"

namespace quench::prune {
namespace {

/// Units that a group has lost, best first.
std::vector<size_t> lost(const std::vector<double>& scores, const std::vector<bool>& keep) {
  std::vector<size_t> units;
  for (size_t u = 0; u < keep.size(); ++u) {
    if (!keep[u]) units.push_back(u);
  }
  std::ranges::stable_sort(units, [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  return units;
}

/// The largest width, a multiple of `round` or the whole group, that costs no more than the present one.
int64_t free_width(const std::vector<int64_t>& kept, size_t group, int64_t width, const Budget& budget, int64_t round) {
  const double cost = budget.cost(kept);
  const auto costs_nothing = [&](int64_t now) {
    std::vector<int64_t> wider = kept;
    wider[group] = now;
    return budget.cost(wider) <= cost;
  };
  if (costs_nothing(width)) return width;
  // In steps of `round` above the present width: low costs nothing, high does.
  const int64_t start = kept[group] / round;
  int64_t low = start, high = width / round + 1;
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    const int64_t now = middle * round;
    (now <= width && costs_nothing(now) ? low : high) = middle;
  }
  return low == start ? kept[group] : low * round;
}

}  // namespace

Keep with_free_channels(const std::vector<ChannelGroup>& groups, const Scores& scores, const Budget& budget,
                        const Limits& limits, Keep keep) {
  struct Group {
    size_t index;
    std::vector<size_t> lost;
  };
  std::vector<Group> order;
  for (size_t g = 0; g < groups.size(); ++g) {
    if (!groups[g].prunable()) continue;
    Group group{g, lost(scores[g], keep[g])};
    if (!group.lost.empty()) order.push_back(std::move(group));
  }
  std::ranges::stable_sort(order, [&](const Group& a, const Group& b) {
    return scores[a.index][a.lost.front()] > scores[b.index][b.lost.front()];
  });
  std::vector<int64_t> kept = kept_counts(keep);
  for (const Group& group : order) {
    const int64_t width = free_width(kept, group.index, groups[group.index].width(), budget, limits.round);
    for (int64_t i = 0; i < width - kept[group.index]; ++i) keep[group.index][group.lost[i]] = true;
    kept[group.index] = width;
  }
  return keep;
}

}  // namespace quench::prune
