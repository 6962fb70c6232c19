#include "prune/group_costs.h"

#include "prune/width_cost.h"

namespace quench::prune {

std::vector<GroupCost> group_costs(const graph::Graph& graph, const std::vector<ChannelGroup>& groups) {
  const WidthCost widths(graph, groups);
  const WidthCost::Total full = widths.full();
  std::vector<int64_t> kept = kept_counts(keep_all(groups));
  std::vector<GroupCost> costs;
  for (size_t g = 0; g < groups.size(); ++g) {
    --kept[g];
    const WidthCost::Total less = widths.at(kept);
    ++kept[g];
    costs.push_back({full.params - less.params, full.macs - less.macs});
  }
  return costs;
}

}  // namespace quench::prune
