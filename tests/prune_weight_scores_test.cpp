// Criteria that read weights alone, on cases small enough to count by hand.

#include "error_testing.h"
#include "graph/passes.h"
#include "graph_samples.h"
#include "models/spec.h"
#include "prune/weight_scores.h"
#include "prune_testing.h"

namespace quench::prune {
namespace {

using graph::EdgeId;
using graph::Graph;

/// first (3 channels, 1x1 of 2 inputs) -> batch norm -> add with a second maker -> end.
Graph two_makers() {
  graph::samples::Builder b(1);
  const EdgeId images = b.input("images", {1, 2, 4, 4});
  const EdgeId first = b.batch_norm("bn", b.conv("first", images, 3, {}));
  const EdgeId sum = b.node("sum", graph::Op::add, {first, b.conv("second", images, 3, {})});
  b.output(b.conv("end", sum, 1, {}));
  const auto set = [&](const char* name, const std::vector<float>& values) {
    Tensor& value = b.graph.weights.at(name).value;
    value = Tensor::from(values, value.shape());
  };
  set("first.weight", {3, -4, 0, 1, 6, 8});
  set("second.weight", {0, 2, -1, -1, 0, 0});
  set("bn.weight", {0.5f, -2, 1});
  return b.graph;
}
constexpr size_t kGroup = 1;  // images, first + second, end

TEST(WeightScores, Magnitude) {
  const Graph graph = two_makers();
  const std::vector<ChannelGroup> groups = channel_groups(graph);
  const MemberScores l1 = magnitude(graph, groups, 1);
  ASSERT_EQ(l1[kGroup].size(), 2u);
  EXPECT_EQ(l1[kGroup][0], (std::vector<double>{7, 1, 14}));
  EXPECT_EQ(l1[kGroup][1], (std::vector<double>{2, 2, 0}));
  const MemberScores l2 = magnitude(graph, groups, 2);
  EXPECT_EQ(l2[kGroup][0], (std::vector<double>{5, 1, 10}));
  EXPECT_DOUBLE_EQ(l2[kGroup][1][1], std::sqrt(2.0));
}

TEST(WeightScores, BatchNormScale) {
  const Graph graph = two_makers();
  const std::vector<ChannelGroup> groups = channel_groups(graph);
  EXPECT_EQ(batch_norm_scale(graph, groups)[kGroup], (std::vector<std::vector<double>>{{0.5, 2, 1}}));
  const Graph folded = graph::fold_batch_norms(models::build("yolov5n-cls", {.classes = {"a", "b"}, .imgsz = 32}));
  const auto [kind, text] = error_of([&] { batch_norm_scale(folded, channel_groups(folded)); });
  EXPECT_EQ(kind, ErrorKind::config);
  EXPECT_NE(text.find("expected a batch norm, got none (group model.0.conv)"), std::string::npos) << text;
}

TEST(WeightScores, GeometricMedian) {
  const Graph graph = two_makers();
  const MemberScores scores = geometric_median(graph, channel_groups(graph));
  // first's filters (3,-4), (0,1), (6,8).
  const double ab = std::sqrt(34), ac = std::sqrt(153), bc = std::sqrt(85);
  EXPECT_NEAR(scores[kGroup][0][0], ab + ac, 1e-12);
  EXPECT_NEAR(scores[kGroup][0][1], ab + bc, 1e-12);
  EXPECT_NEAR(scores[kGroup][0][2], ac + bc, 1e-12);
}

TEST(WeightScores, RandomDependsOnSeedAndName) {
  const Graph graph = two_makers();
  const std::vector<ChannelGroup> groups = channel_groups(graph);
  EXPECT_EQ(at_random(groups, 1), at_random(groups, 1));
  EXPECT_NE(at_random(groups, 1), at_random(groups, 2));
}

TEST(WeightScores, ReductionsAndNormalisations) {
  const MemberScores members{{{1, 4, 2}, {3, 0, 4}}};
  const auto scores = [&](Reduction reduction, Normalisation normalisation = Normalisation::none) {
    return reduce(members, reduction, normalisation)[0];
  };
  EXPECT_EQ(scores(Reduction::sum), (std::vector<double>{4, 4, 6}));
  EXPECT_EQ(scores(Reduction::mean), (std::vector<double>{2, 2, 3}));
  EXPECT_EQ(scores(Reduction::max), (std::vector<double>{3, 4, 4}));
  EXPECT_EQ(scores(Reduction::first), (std::vector<double>{1, 4, 2}));
  EXPECT_EQ(scores(Reduction::first, Normalisation::max), (std::vector<double>{0.25, 1, 0.5}));
  EXPECT_EQ(scores(Reduction::first, Normalisation::mean),
            (std::vector<double>{1 / (7.0 / 3), 4 / (7.0 / 3), 2 / (7.0 / 3)}));
  // LAMP: 16/16, 4/(16+4), 1/(16+4+1).
  EXPECT_EQ(scores(Reduction::first, Normalisation::lamp), (std::vector<double>{1.0 / 21, 1, 0.2}));
}

}  // namespace
}  // namespace quench::prune
