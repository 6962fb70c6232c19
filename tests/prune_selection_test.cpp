// Which channels go: by share, by budget, within limits.

#include "error_testing.h"
#include "graph_samples.h"
#include "models/spec.h"
#include "prune/selection.h"
#include "prune/width_cost.h"
#include "prune_testing.h"

namespace quench::prune {
namespace {

using graph::EdgeId;
using graph::Graph;

/// Two prunable groups, of 4 and 8 channels.
Graph chain() {
  graph::samples::Builder b(1);
  const EdgeId first = b.conv("first", b.input("images", {1, 3, 8, 8}), 4, {});
  b.output(b.conv("end", b.conv("second", first, 8, {}), 2, {}));
  return b.graph;
}
// Groups in order: images, first, second, end.
const Scores kScores{{}, {4, 1, 3, 2}, {80, 10, 70, 20, 60, 30, 50, 40}, {}};

std::string text(const std::vector<bool>& keep) {
  std::string out;
  for (const bool kept : keep) out += kept ? '1' : '0';
  return out;
}

TEST(Selection, LocalCutsTheLowestOfEveryGroup) {
  const Graph graph = chain();
  const Keep keep = keep_ratio(graph, channel_groups(graph), kScores, Ranking::local, 0.5, {});
  EXPECT_EQ(text(keep[1]), "1010");
  EXPECT_EQ(text(keep[2]), "10101010");
  EXPECT_EQ(text(keep[0]) + text(keep[3]), "11111");
}

TEST(Selection, GlobalCutsTheLowestOfAllButOne) {
  const Graph graph = chain();
  const Keep keep = keep_ratio(graph, channel_groups(graph), kScores, Ranking::global, 0.5, {});
  EXPECT_EQ(text(keep[1]), "1000") << "a channel stays";
  EXPECT_EQ(text(keep[2]), "10101111") << "the six lowest of all are first's four and second's two";
}

// A ratio under which nothing was cut once gave the model back without a word.
TEST(Selection, ARatioThatCanCutNothingIsAnError) {
  const Graph graph = chain();
  const auto said = [&](const std::vector<std::string>& kept, double ratio, const Limits& limits) {
    std::vector<ChannelGroup> groups = channel_groups(graph);
    protect(graph, kept, groups);
    const auto [kind, text] = error_of([&] { keep_ratio(graph, groups, kScores, Ranking::local, ratio, limits); });
    EXPECT_EQ(kind, ErrorKind::config);
    return text;
  };
  EXPECT_NE(said({"*"}, 0.5, {}).find("protect"), std::string::npos);
  EXPECT_NE(said({}, 0.5, {.keep_min = 8}).find("limits"), std::string::npos);
  const std::vector<ChannelGroup> groups = channel_groups(graph);
  EXPECT_EQ(keep_ratio(graph, groups, kScores, Ranking::local, 0.1, {.round = 4}), keep_all(groups))
      << "a larger one would cut: the last of several rounds may ask for little";
}

TEST(Selection, KeepsTheFloorOfWhatIsLeftAndOneAtLeast) {
  EXPECT_EQ(kept_width(16, 0.1, {}), 14);
  EXPECT_EQ(kept_width(160, 0.3, {}), 112) << "exactly, whatever 160 x 0.7 is in binary";
  EXPECT_EQ(kept_width(3, 0.9, {}), 1);
  EXPECT_EQ(kept_width(64, 0.3, {.round = 8}), 48);
  EXPECT_EQ(kept_width(20, 0.3, {.round = 8}), 16);
  EXPECT_EQ(kept_width(20, 0.1, {.round = 8}), 20) << "24 are not there";
  EXPECT_EQ(kept_width(20, 0.9, {.keep_min = 4}), 4);
  EXPECT_EQ(kept_width(20, 0.9, {.max_ratio = 0.25}), 15);
  EXPECT_EQ(kept_width(2, 0.9, {.keep_min = 4}), 2);
}

TEST(Selection, IsomorphicComparesWithinAForm) {
  graph::samples::Builder b(1);
  const EdgeId images = b.input("images", {1, 3, 8, 8});
  // Two 1x1 layers of one form, and a 3x3 layer, whose scores are far lower.
  const EdgeId a = b.conv("a", images, 4, {}), c = b.conv("c", images, 4, {});
  const EdgeId wide = b.conv("wide", images, 4, {.kernel = {3, 3}, .padding = {1, 1}});
  const EdgeId ends[] = {b.conv("ea", a, 2, {}), b.conv("ec", c, 2, {}), b.conv("ew", wide, 2, {})};
  for (const EdgeId end : ends) b.output(end);
  const std::vector<ChannelGroup> groups = channel_groups(b.graph);
  Scores scores(groups.size());
  for (size_t g = 0; g < groups.size(); ++g) {
    const double base = groups[g].name == "a" ? 10 : groups[g].name == "c" ? 20 : 0;
    for (int64_t u = 0; u < groups[g].width(); ++u) scores[g].push_back(base + static_cast<double>(u));
  }
  const Keep keep = keep_ratio(b.graph, groups, scores, Ranking::isomorphic, 0.25, {});
  for (size_t g = 0; g < groups.size(); ++g) {
    if (groups[g].name == "a") EXPECT_EQ(text(keep[g]), "0011");
    if (groups[g].name == "c") EXPECT_EQ(text(keep[g]), "1111");
    if (groups[g].name == "wide") EXPECT_EQ(text(keep[g]), "0111");
  }
}

TEST(Selection, MeetsABudgetWithNoChannelMoreThanItTakes) {
  const Graph graph = models::build("yolov8n", {});
  const std::vector<ChannelGroup> groups = channel_groups(graph);
  const WidthCost widths(graph, groups);
  const auto cost = [&](const std::vector<int64_t>& kept) { return static_cast<double>(widths.at(kept).params); };
  const auto full = static_cast<double>(widths.full().params);
  for (const Ranking ranking : {Ranking::local, Ranking::global, Ranking::isomorphic}) {
    const Budget budget{cost, full / 2, "parameters"};
    const double got = cost(kept_counts(keep_budget(graph, groups, random_scores(groups, 5), ranking, budget, {})));
    EXPECT_LE(got, full / 2);
    EXPECT_GT(got, 0.99 * full / 2);
  }
}

TEST(Selection, BadInputIsSaid) {
  const Graph graph = chain();
  const std::vector<ChannelGroup> groups = channel_groups(graph);
  for (const double ratio : {0.0, 1.0, -0.5, 1.5, std::nan("")}) {
    const auto [kind, text] = error_of([&] { keep_ratio(graph, groups, kScores, Ranking::local, ratio, {}); });
    EXPECT_EQ(kind, ErrorKind::config) << ratio;
  }
  Scores broken = kScores;
  broken[2][3] = std::nan("");
  auto [kind, text] = error_of([&] { keep_ratio(graph, groups, broken, Ranking::global, 0.5, {}); });
  EXPECT_EQ(kind, ErrorKind::data);
  EXPECT_NE(text.find("not finite (group second)"), std::string::npos) << text;
  const Budget budget{[](const std::vector<int64_t>& kept) { return static_cast<double>(kept[1] + kept[2]); }, 3,
                      "GFLOPs"};
  std::tie(kind, text) =
      error_of([&] { keep_budget(graph, groups, kScores, Ranking::global, budget, {.keep_min = 2}); });
  EXPECT_EQ(kind, ErrorKind::config);
  EXPECT_NE(text.find("cannot reach 3 GFLOPs: 4 is the least that"), std::string::npos) << text;
}

}  // namespace
}  // namespace quench::prune
