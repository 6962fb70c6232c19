// What must be cut together, found from the wiring alone.

#include <set>

#include "error_testing.h"
#include "graph_samples.h"
#include "models/spec.h"
#include "prune/channel_groups.h"
#include "prune_testing.h"

namespace quench::prune {
namespace {

using graph::EdgeId;
using graph::Graph;
using graph::Op;

const ChannelGroup& named(const std::vector<ChannelGroup>& groups, const std::string& name) {
  const auto found = std::ranges::find(groups, name, &ChannelGroup::name);
  if (found == groups.end()) throw std::runtime_error("no group " + name);
  return *found;
}

std::set<std::string> members(const Graph& graph, const ChannelGroup& group, Role role) {
  std::set<std::string> names;
  for (const Member& member : group.members) {
    if (member.role == role) names.insert(graph.nodes[member.node].name);
  }
  return names;
}

/// A conv of `channels` behind x, no batch norm.
EdgeId conv(graph::samples::Builder& b, const std::string& name, EdgeId x, int64_t channels, int64_t groups = 1) {
  return b.conv(name, x, channels, {.groups = groups});
}

TEST(ChannelGroups, EveryChannelOfEveryEdgeIsInOneUnit) {
  for (const char* name : {"yolov5n", "yolov8n", "yolov5n-cls", "yolov8n-cls"}) {
    const Graph graph = models::build(name, {});
    std::set<graph::Channel> seen;
    for (const ChannelGroup& group : channel_groups(graph)) {
      for (const ChannelUnit& unit : group.units) {
        for (const graph::Channel& at : unit) EXPECT_TRUE(seen.insert(at).second) << name << " " << group.name;
      }
    }
    size_t channels = 0;
    for (const graph::Edge& edge : graph.edges) channels += static_cast<size_t>(edge.shape[1]);
    EXPECT_EQ(seen.size(), channels) << name;
  }
}

TEST(ChannelGroups, ConvolutionsMixAndChainsFollow) {
  graph::samples::Builder b(1);
  const EdgeId first = b.batch_norm("bn", conv(b, "first", b.input("images", {1, 3, 8, 8}), 6));
  const EdgeId pooled = b.node("pool", Op::max_pool, {b.node("act", Op::silu, {first})},
                               graph::PoolAttributes{.kernel = {3, 3}, .stride = {1, 1}, .padding = {1, 1}});
  b.output(conv(b, "second", pooled, 4));
  const std::vector<ChannelGroup> groups = channel_groups(b.graph);
  ASSERT_EQ(groups.size(), 3u);
  EXPECT_EQ(groups[0].kept_because, "input images of the model");
  EXPECT_EQ(groups[1].name, "first");
  EXPECT_TRUE(groups[1].prunable());
  EXPECT_EQ(groups[1].width(), 6);
  EXPECT_EQ(groups[1].units[2].size(), 4u) << "conv, batch norm, silu, pool";
  EXPECT_EQ(members(b.graph, groups[1], Role::makes), std::set<std::string>{"first"});
  EXPECT_EQ(members(b.graph, groups[1], Role::follows), (std::set<std::string>{"bn", "act", "pool"}));
  EXPECT_EQ(members(b.graph, groups[1], Role::reads), std::set<std::string>{"second"});
  EXPECT_EQ(groups[2].kept_because, "output second of the model");
}

TEST(ChannelGroups, AddBindsAllThatMeetThere) {
  graph::samples::Builder b(1);
  const EdgeId stem = conv(b, "stem", b.input("images", {1, 3, 8, 8}), 6);
  EdgeId x = stem;
  for (const char* name : {"a", "b"}) x = b.node(std::string(name) + ".add", Op::add, {x, conv(b, name, x, 6)});
  b.output(conv(b, "end", x, 4));
  const std::vector<ChannelGroup> groups = channel_groups(b.graph);
  EXPECT_EQ(members(b.graph, named(groups, "stem"), Role::makes), (std::set<std::string>{"stem", "a", "b"}));
  EXPECT_EQ(members(b.graph, named(groups, "stem"), Role::reads), (std::set<std::string>{"a", "b", "end"}));
}

TEST(ChannelGroups, ConcatOffsetsAndSplitHalves) {
  graph::samples::Builder b(1);
  const EdgeId images = b.input("images", {1, 3, 8, 8});
  const EdgeId wide = conv(b, "wide", images, 6);
  const std::vector<EdgeId> halves = b.split("split", wide, {2, 4});
  const EdgeId other = conv(b, "other", images, 5);
  const EdgeId all = b.node("all", Op::concat, {other, halves[1], halves[0]});
  b.output(conv(b, "end", all, 4));
  const std::vector<ChannelGroup> groups = channel_groups(b.graph);
  EXPECT_EQ(named(groups, "wide").width(), 2);
  EXPECT_EQ(named(groups, "wide#2").width(), 4);
  EXPECT_EQ(named(groups, "other").width(), 5);
  // Channel 1 of the first half is channel 5 + 4 + 1 of the concat.
  EXPECT_TRUE(std::ranges::count(named(groups, "wide").units[1], graph::Channel{all, 10}));
  EXPECT_TRUE(std::ranges::count(named(groups, "wide#2").units[3], graph::Channel{all, 8}));
  EXPECT_TRUE(std::ranges::count(named(groups, "wide#2").units[3], graph::Channel{wide, 5}));
}

TEST(ChannelGroups, DepthwiseFollowsAndGroupsStayEqual) {
  graph::samples::Builder b(1);
  const EdgeId x = conv(b, "first", b.input("images", {1, 3, 8, 8}), 6);
  const EdgeId deep = conv(b, "deep", x, 12, 6);          // two outputs of each input
  const EdgeId grouped = conv(b, "grouped", deep, 9, 3);  // 4 inputs and 3 outputs a group
  b.output(conv(b, "end", grouped, 4));
  const std::vector<ChannelGroup> groups = channel_groups(b.graph);
  // deep's 12 outputs are tied by threes (0, 4, 8), and by pairs to the 6 channels before: units {0,2,4} and {1,3,5}.
  EXPECT_EQ(named(groups, "first").width(), 2);
  EXPECT_EQ(named(groups, "first").units[0].size(), 3u + 6u);
  EXPECT_EQ(members(b.graph, named(groups, "first"), Role::follows), std::set<std::string>{"deep"});
  EXPECT_EQ(named(groups, "grouped").width(), 3);
  EXPECT_EQ(named(groups, "grouped").units[1], (ChannelUnit{{grouped, 1}, {grouped, 4}, {grouped, 7}}));
}

TEST(ChannelGroups, HeadsOfDetectorsAndClassifiersAreKept) {
  for (const std::string& name : models::names()) {
    const Graph graph = models::build(name, {.classes = {"a", "b"}});
    const std::vector<ChannelGroup> groups = channel_groups(graph);
    std::set<EdgeId> kept;
    for (const ChannelGroup& group : groups) {
      if (group.prunable()) continue;
      for (const graph::Channel& at : group.units.front()) kept.insert(at.edge);
    }
    std::set<EdgeId> ends(graph.outputs.begin(), graph.outputs.end());
    ends.insert(graph.inputs.begin(), graph.inputs.end());
    EXPECT_EQ(kept, ends) << name;
  }
}

TEST(ChannelGroups, C2fHasAGroupForEachHalf) {
  const Graph graph = models::build("yolov8n", {});
  const std::vector<ChannelGroup> groups = channel_groups(graph);
  EXPECT_EQ(members(graph, named(groups, "model.2.cv1.conv"), Role::makes), std::set<std::string>{"model.2.cv1.conv"});
  EXPECT_EQ(members(graph, named(groups, "model.2.cv1.conv#2"), Role::makes),
            (std::set<std::string>{"model.2.cv1.conv", "model.2.m.0.cv2.conv"}));
}

TEST(ChannelGroups, ProtectsByName) {
  const Graph graph = models::build("yolov8n", {});
  std::vector<ChannelGroup> groups = channel_groups(graph);
  protect(graph, {"model.22.*"}, groups);
  EXPECT_EQ(named(groups, "model.22.cv2.0.0.conv").kept_because, "protected: model.22.cv2.0.0.conv");
  EXPECT_TRUE(named(groups, "model.21.cv2.conv").prunable()) << "what the head reads may be cut";
  const auto [kind, text] = error_of([&] { protect(graph, {"model.2.cv7.conv"}, groups); });
  EXPECT_EQ(kind, ErrorKind::config);
  EXPECT_NE(text.find("'model.2.cv7.conv' matches no convolution or linear layer (did you mean"), std::string::npos)
      << text;
}

}  // namespace
}  // namespace quench::prune
