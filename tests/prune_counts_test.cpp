// Known parameter counts of models with half (or another share) of their channels, whichever go.

#include <fmt/format.h>

#include "graph/passes.h"
#include "graph/shape_inference.h"
#include "graph_samples.h"
#include "metrics/cost.h"
#include "models/spec.h"
#include "prune/surgery.h"
#include "prune_testing.h"

namespace quench::prune {
namespace {

using graph::EdgeId;
using graph::Graph;
using graph::Op;

Graph cut_by_ratio(const Graph& graph, double ratio, const std::vector<std::string>& kept = {}) {
  std::vector<ChannelGroup> groups = channel_groups(graph);
  protect(graph, kept, groups);
  return cut_channels(graph, groups, keep_ratio(graph, groups, random_scores(groups, 3), Ranking::local, ratio, {}));
}

int64_t params(const Graph& graph) { return metrics::cost(graph).params; }

// YOLOv5 s has twice the channels of n in every layer and half the repeats of neither: cut in half it is n.
TEST(PrunedCounts, HalfOfYolov5sIsYolov5n) {
  const Graph s = graph::fold_batch_norms(models::build("yolov5s", {}));
  EXPECT_EQ(params(s), 7225885);
  EXPECT_EQ(params(cut_by_ratio(s, 0.5)), 1867405);
}

TEST(PrunedCounts, HalfOfYolov5n) {
  const Graph n = graph::fold_batch_norms(models::build("yolov5n", {}));
  EXPECT_EQ(params(cut_by_ratio(n, 0.5)), 497605);
}

TEST(PrunedCounts, HalfOfYolov8xWithItsHeadKept) {
  const Graph x = models::build("yolov8x", {});
  EXPECT_EQ(params(cut_by_ratio(x, 0.5, {"model.22.*"})), 20787528 - 16);  // published counts hold DFL's 16 numbers
}

TEST(PrunedCounts, SharesOfYolov8nWithSixClasses) {
  const Graph n = models::build("yolov8n", {.classes = {"a", "b", "c", "d", "e", "f"}});
  EXPECT_EQ(params(n), 3012018 - 16);
  EXPECT_EQ(params(cut_by_ratio(n, 0.1)), 2415613 - 16);
  EXPECT_EQ(params(cut_by_ratio(n, 0.2)), 1913971 - 16);
  EXPECT_EQ(params(cut_by_ratio(n, 0.3)), 1452562 - 16);
}

/// ResNet-18 for 1000 classes at 32 pixels (He et al. 2016); its size does not change its parameters.
Graph resnet18() {
  graph::samples::Builder b(1);
  const auto conv = [&](const std::string& name, EdgeId x, int64_t channels, int64_t kernel, int64_t stride) {
    const int64_t pad = kernel / 2;
    return b.batch_norm(
        name + ".bn",
        b.conv(name, x, channels, {.kernel = {kernel, kernel}, .stride = {stride, stride}, .padding = {pad, pad}}));
  };
  EdgeId x = conv("stem", b.input("images", {1, 3, 32, 32}), 64, 7, 2);
  x = b.node("stem.pool", Op::max_pool, {b.node("stem.act", Op::relu, {x})},
             graph::PoolAttributes{.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}});
  int64_t channels = 64;
  for (int stage = 0; stage < 4; ++stage, channels *= 2) {
    for (int block = 0; block < 2; ++block) {
      const std::string name = fmt::format("layer{}.{}", stage + 1, block);
      const int64_t stride = stage > 0 && block == 0 ? 2 : 1;
      EdgeId y = b.node(name + ".act1", Op::relu, {conv(name + ".conv1", x, channels, 3, stride)});
      y = conv(name + ".conv2", y, channels, 3, 1);
      if (stride == 2) x = conv(name + ".down", x, channels, 1, 2);
      x = b.node(name + ".act2", Op::relu, {b.node(name + ".add", Op::add, {x, y})});
    }
  }
  x = b.node("flatten", Op::flatten, {b.node("mean", Op::global_avg_pool, {x})});
  b.output(b.linear("fc", x, 1000));
  return b.graph;
}

TEST(PrunedCounts, HalfOfResNet18) {
  const Graph graph = resnet18();
  EXPECT_EQ(params(graph), 11689512);
  EXPECT_EQ(params(cut_by_ratio(graph, 0.5)), 3055880);
}

TEST(PrunedCounts, ThreeConcatsInARow) {
  graph::samples::Builder b(1);
  const EdgeId images = b.input("images", {1, 3, 8, 8});
  EdgeId x = b.conv("conv10", images, 10, {});
  for (const int64_t channels : {20, 30, 60}) {
    x = b.node(fmt::format("concat{}", channels), Op::concat,
               {x, b.conv(fmt::format("conv{}", channels), images, channels, {})});
  }
  b.output(b.conv("end", x, 4, {}));
  const Graph cut = cut_by_ratio(b.graph, 0.5);
  for (const int64_t channels : {10, 20, 30, 60}) {
    const auto node = std::ranges::find(cut.nodes, fmt::format("conv{}", channels), &graph::Node::name);
    EXPECT_EQ(cut.required_weight(*node, "weight").value.shape()[0], channels / 2);
  }
  EXPECT_EQ(cut.edge(cut.nodes.back().inputs[0]).shape[1], 60);
}

}  // namespace
}  // namespace quench::prune
