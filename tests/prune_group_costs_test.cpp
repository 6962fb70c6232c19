// What a channel costs, against models that are cut for real.

#include "prune/group_costs.h"

#include "metrics/cost.h"
#include "models/spec.h"
#include "prune/surgery.h"
#include "prune_testing.h"

namespace quench::prune {
namespace {

class GroupCosts : public testing::TestWithParam<const char*> {};

TEST_P(GroupCosts, AreThoseOfTheModelWithOneChannelLess) {
  const graph::Graph graph = models::build(GetParam(), {});
  const std::vector<ChannelGroup> groups = channel_groups(graph);
  const std::vector<GroupCost> costs = group_costs(graph, groups);
  ASSERT_EQ(costs.size(), groups.size());
  const metrics::Cost full = metrics::cost(graph);
  int cut = 0;
  for (size_t g = 0; g < groups.size(); ++g) {
    if (!groups[g].prunable() || groups[g].width() < 2) continue;
    Keep keep = keep_all(groups);
    keep[g].back() = false;
    const metrics::Cost less = metrics::cost(cut_channels(graph, groups, keep));
    EXPECT_EQ(costs[g].params, full.params - less.params) << groups[g].name;
    EXPECT_EQ(costs[g].macs, full.macs - less.macs) << groups[g].name;
    ++cut;
  }
  EXPECT_GT(cut, 20);
}

INSTANTIATE_TEST_SUITE_P(Models, GroupCosts, testing::Values("yolov5n", "yolov8n", "yolov8n-cls"));

}  // namespace
}  // namespace quench::prune
