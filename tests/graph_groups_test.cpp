// Who makes and reads edges, which of them share a scale, which channels belong together.
#include <gtest/gtest.h>

#include <algorithm>

#include "graph/channel_units.h"
#include "graph/links.h"
#include "graph/scale_groups.h"
#include "graph_samples.h"
#include "reference_executor.h"

namespace quench::graph {
namespace {

using samples::Builder;
using Ids = std::vector<EdgeId>;

TEST(Links, AreWhatTheNodesSay) {
  const Graph graph = samples::every_op();
  const Links links(graph);
  for (size_t e = 0; e < graph.edges.size(); ++e) {
    const auto edge = static_cast<EdgeId>(e);
    std::vector<int> readers;
    int maker = -1;
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      const auto times = std::ranges::count(graph.nodes[i].inputs, edge);
      readers.insert(readers.end(), static_cast<size_t>(times), static_cast<int>(i));
      if (std::ranges::count(graph.nodes[i].outputs, edge) > 0) maker = static_cast<int>(i);
    }
    const bool output = std::ranges::count(graph.outputs, edge) > 0;
    EXPECT_EQ(links.producer[e], maker);
    EXPECT_EQ(links.consumers[e], readers);
    EXPECT_EQ(links.is_output[e], output);
    EXPECT_EQ(links.uses(edge), readers.size() + (output ? 1 : 0));
    EXPECT_EQ(links.only_consumer(edge), readers.size() == 1 && !output ? readers[0] : -1);
  }
}

TEST(Links, ANodeThatReadsAnEdgeTwiceIsThereTwice) {
  Builder b(1);
  const EdgeId x = b.input("x", {1, 2, 2, 2});
  b.output(b.node("sum", Op::add, {x, x}));
  const Links links(b.graph);
  EXPECT_EQ(links.uses(x), 2u);
  EXPECT_EQ(links.only_consumer(x), -1);
}

TEST(ScaleGroups, JoinWhatTheRuleAllowsAlongNodesThatMoveValues) {
  Builder b(1);
  const EdgeId x = b.input("x", {1, 4, 4, 4});
  const EdgeId a = b.conv("a", x, 4, {}), c = b.conv("c", x, 4, {});
  const EdgeId pooled = b.node("pool", Op::max_pool, {a}, PoolAttributes{{3, 3}, {1, 1}, {1, 1}});
  const EdgeId joined = b.node("cat", Op::concat, {pooled, c, x});
  const auto parts = b.split("split", joined, {2, 10});
  const EdgeId last = b.node("act", Op::silu, {parts[0]});
  b.output(last);
  b.output(parts[1]);
  const Graph& graph = b.graph;
  const Links links(graph);
  const auto all = [](const Node&, EdgeId, EdgeId) { return true; };
  std::vector<bool> in(graph.edges.size(), true);
  const Ids moved{x, a, c, pooled, joined, parts[0], parts[1]};
  EXPECT_EQ(scale_groups(graph, in, all), (std::vector<Ids>{moved, {last}}));
  EXPECT_EQ(sources_of(graph, links, moved), (Ids{x, a, c}));
  // Without the join's result its inputs still belong together; what is not `in` is in no group.
  in[joined] = false;
  EXPECT_EQ(scale_groups(graph, in, all), (std::vector<Ids>{{x, a, c, pooled}, {parts[0], parts[1]}, {last}}));
  EXPECT_EQ(sources_of(graph, links, {parts[0], parts[1]}), parts);
  in[joined] = true;
  const auto not_the_input = [&](const Node& node, EdgeId p, EdgeId q) {
    EXPECT_TRUE(std::ranges::count(node.inputs, p) > 0 || std::ranges::count(node.outputs, p) > 0);
    return p != x && q != x;
  };
  EXPECT_EQ(scale_groups(graph, in, not_the_input),
            (std::vector<Ids>{{x}, {a, c, pooled, joined, parts[0], parts[1]}, {last}}));
  // The join brings the input's values into the group.
  EXPECT_EQ(sources_of(graph, links, {a, c, pooled, joined, parts[0], parts[1]}), (Ids{a, c, joined}));
}

TEST(ChannelUnits, FollowAFilterThroughSumsJoinsAndSplits) {
  Builder b(1);
  const EdgeId x = b.input("x", {1, 3, 4, 4});
  const EdgeId a = b.conv("a", x, 4, {}), c = b.conv("c", x, 4, {});
  const EdgeId act = b.node("act", Op::silu, {b.batch_norm("bn", c)});
  const EdgeId sum = b.node("sum", Op::add, {a, act});
  const EdgeId d = b.conv("d", x, 2, {});
  const EdgeId joined = b.node("cat", Op::concat, {sum, d});
  const auto parts = b.split("split", joined, {5, 1});
  const EdgeId e = b.conv("e", parts[0], 6, {});
  const EdgeId deep = b.conv("deep", e, 12, {.groups = 6});  // two filters a channel
  const EdgeId mean = b.node("flat", Op::flatten, {b.node("gap", Op::global_avg_pool, {deep})});
  b.output(b.linear("fc", mean, 3));
  b.output(b.conv("end", parts[1], 2, {}));
  const ChannelUnits units = channel_units(b.graph);

  for (int64_t i = 0; i < 4; ++i) {  // a and c are added: they lose channel i together
    const int group = units.of(a, i);
    EXPECT_EQ(units.members[group],
              (std::vector<Channel>{{a, i}, {c, i}, {c + 1, i}, {act, i}, {sum, i}, {joined, i}, {parts[0], i}}));
  }
  EXPECT_EQ(units.of(d, 0), units.of(parts[0], 4));
  EXPECT_EQ(units.of(d, 1), units.of(parts[1], 0));
  EXPECT_NE(units.of(d, 0), units.of(d, 1));
  EXPECT_NE(units.of(parts[0], 0), units.of(e, 0));  // a convolution mixes
  for (int64_t i = 0; i < 12; ++i) {
    EXPECT_EQ(units.of(deep, i), units.of(e, i / 2));
    EXPECT_EQ(units.of(mean, i), units.of(e, i / 2));
  }
}

TEST(ChannelUnits, AConvolutionOfSomeGroupsTiesTheirChannels) {
  Builder b(1);
  const EdgeId a = b.conv("a", b.input("x", {1, 3, 4, 4}), 4, {});
  const EdgeId grouped = b.conv("g", a, 6, {.groups = 2});
  b.output(b.conv("end", grouped, 2, {}));
  const ChannelUnits units = channel_units(b.graph);
  for (int64_t i = 0; i < 2; ++i) EXPECT_EQ(units.members[units.of(a, i)], (std::vector<Channel>{{a, i}, {a, i + 2}}));
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(units.members[units.of(grouped, i)], (std::vector<Channel>{{grouped, i}, {grouped, i + 3}}));
  }
}

/// Sets to zero what makes the channels of a group: filters and biases of convolutions, norms' scale and shift.
Graph without_group(Graph graph, const std::vector<Channel>& members) {
  const Links links(graph);
  for (const Channel& channel : members) {
    const Node& node = graph.nodes[static_cast<size_t>(links.producer[channel.edge])];
    for (const char* role : {"weight", "bias"}) {
      Weight* weight = graph.weight(node, role);
      if (weight == nullptr) continue;
      const int64_t each = weight->value.size() / weight->value.shape().at(0);
      std::ranges::fill(weight->value.mutable_values<float>().subspan(static_cast<size_t>(channel.index * each),
                                                                      static_cast<size_t>(each)),
                        0.0f);
    }
  }
  return graph;
}

TEST(ChannelUnits, AGroupThatIsGoneIsZeroEverywhere) {
  // No sigmoid (0 gives 1/2): all else makes 0 of 0.
  Builder b(3);
  const EdgeId x = b.input("x", {1, 3, 8, 8});
  const EdgeId a = b.node("act", Op::silu, {b.batch_norm("bn", b.conv("a", x, 4, {}))});
  const EdgeId c = b.conv("c", a, 4, {.kernel = {3, 3}, .padding = {1, 1}}, true);
  const EdgeId sum = b.node("sum", Op::add, {a, c});
  const auto parts = b.split("split", sum, {1, 3});
  const EdgeId pooled = b.node("pool", Op::max_pool, {parts[1]}, PoolAttributes{{3, 3}, {1, 1}, {1, 1}});
  const EdgeId joined = b.node("cat", Op::concat, {parts[0], pooled, c});
  const EdgeId deep = b.conv("deep", joined, 8, {.groups = 8}, true);
  b.output(b.conv("end", deep, 2, {}, true));
  const ChannelUnits units = channel_units(b.graph);
  const std::vector<Tensor> inputs = reference::random_inputs(b.graph, 1, 4);
  const std::vector<Tensor> before = reference::execute_all(b.graph, inputs);
  int checked = 0;
  for (size_t g = 0; g < units.members.size(); ++g) {
    const auto at_an_end = [&](const Channel& channel) {
      return std::ranges::count(b.graph.inputs, channel.edge) + std::ranges::count(b.graph.outputs, channel.edge) > 0;
    };
    if (std::ranges::any_of(units.members[g], at_an_end)) continue;
    const std::vector<Tensor> values = reference::execute_all(without_group(b.graph, units.members[g]), inputs);
    for (size_t e = 0; e < values.size(); ++e) {
      const auto now = values[e].values<float>(), then = before[e].values<float>();
      const int64_t channels = values[e].shape().at(1), size = values[e].size() / channels;
      for (int64_t i = 0; i < channels; ++i) {
        const auto one = now.subspan(static_cast<size_t>(i * size), static_cast<size_t>(size));
        const bool zero = std::ranges::all_of(one, [](float v) { return v == 0; });
        EXPECT_EQ(zero, units.of(static_cast<EdgeId>(e), i) == static_cast<int>(g))
            << b.graph.edges[e].name << " " << i;
        ASSERT_TRUE(std::ranges::any_of(then.subspan(static_cast<size_t>(i * size), static_cast<size_t>(size)),
                                        [](float v) { return v != 0; }));
        ++checked;
      }
    }
  }
  EXPECT_GT(checked, 100);
}

}  // namespace
}  // namespace quench::graph
