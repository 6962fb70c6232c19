// A cut graph computes what the full graph computes with those channels at zero.

#include "error_testing.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"
#include "graph/passes.h"
#include "graph/verify.h"
#include "graph_samples.h"
#include "metrics/cost.h"
#include "models/spec.h"
#include "prune/surgery.h"
#include "prune/width_cost.h"
#include "prune_testing.h"
#include "random_graphs.h"
#include "reference_executor.h"
#include "runtime/native/native.h"

namespace quench::prune {
namespace {

using graph::Graph;
using graph::Op;

bool is_float(const Graph& graph) {
  return std::ranges::none_of(graph.edges, [](const graph::Edge& edge) { return edge.quant.has_value(); });
}
/// Sigmoid makes 0.5 of 0: zeroing is not cutting there, but where a product follows.
bool zero_stays_zero(const Graph& graph) {
  return std::ranges::none_of(graph.nodes, [](const graph::Node& node) { return node.op == Op::sigmoid; });
}

Keep random_keep(const Graph& graph, const std::vector<ChannelGroup>& groups, double ratio, uint64_t seed) {
  return keep_ratio(graph, groups, random_scores(groups, seed), Ranking::local, ratio, {});
}

std::vector<Tensor> run_native(const Graph& graph, const Tensor& images) {
  graph::ModelFile file;
  file.graph = graph;
  return runtime::native_runtime()->load(file, {.threads = 2})->run(images);
}

TEST(Surgery, EqualsZeroingOnEveryOperation) {
  const Graph graph = graph::samples::every_op();
  const std::vector<ChannelGroup> groups = channel_groups(graph);
  const auto inputs = graph::reference::random_inputs(graph, 2, 1);
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const Keep keep = random_keep(graph, groups, 0.5, seed);
    const Graph cut = cut_channels(graph, groups, keep);
    graph::verify(cut);
    EXPECT_LT(metrics::cost(cut).params, metrics::cost(graph).params);
    EXPECT_LT(relative_difference(graph::reference::execute(zero_channels(graph, groups, keep), inputs),
                                  graph::reference::execute(cut, inputs)),
              1e-6)
        << seed;
  }
}

TEST(Surgery, EqualsZeroingOnRandomGraphs) {
  int compared = 0;
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    const Graph graph = graph::samples::random_graph(seed);
    if (!is_float(graph) || !zero_stays_zero(graph)) continue;
    const std::vector<ChannelGroup> groups = channel_groups(graph);
    const auto can_lose = [](const ChannelGroup& group) { return group.prunable() && group.width() > 1; };
    if (std::ranges::none_of(groups, can_lose)) continue;
    const Keep keep = random_keep(graph, groups, 0.6, seed);
    const Graph cut = cut_channels(graph, groups, keep);
    graph::verify(cut);
    const Tensor images = graph::samples::random_images(graph, seed, 2);
    EXPECT_LT(relative_difference(graph::reference::execute(zero_channels(graph, groups, keep), {images}),
                                  graph::reference::execute(cut, {images})),
              1e-5)
        << seed;
    const WidthCost::Total total = WidthCost(graph, groups).at(kept_counts(keep));
    EXPECT_EQ(total.params, metrics::cost(cut).params) << seed;
    EXPECT_EQ(total.macs, metrics::cost(cut).macs) << seed;
    ++compared;
  }
  EXPECT_GT(compared, 30);
}

class SurgeryOfModels : public testing::TestWithParam<std::string> {};

TEST_P(SurgeryOfModels, EqualsZeroingToEveryBudgetFoldedSavedAndReloaded) {
  Graph graph = models::build(GetParam(), {.classes = {"a", "b", "c"}, .imgsz = 64});
  shake_batch_norms(graph, 1);
  const std::vector<ChannelGroup> groups = channel_groups(graph);
  const WidthCost widths(graph, groups);
  const Tensor images = graph::reference::random_inputs(graph, 1, 1)[0];
  const auto full = static_cast<double>(widths.full().macs);
  for (const double share : {0.75, 0.5, 0.25}) {
    const Budget budget{[&](const std::vector<int64_t>& kept) { return static_cast<double>(widths.at(kept).macs); },
                        share * full, "MACs"};
    const Keep keep = keep_budget(graph, groups, random_scores(groups, 7), Ranking::global, budget, {});
    const Graph cut = cut_channels(graph, groups, keep);
    graph::verify(cut);
    EXPECT_EQ(metrics::cost(cut).params, widths.at(kept_counts(keep)).params);
    EXPECT_LE(static_cast<double>(metrics::cost(cut).macs), share * full);
    EXPECT_GT(static_cast<double>(metrics::cost(cut).macs), 0.9 * share * full) << "cuts no more than it needs";
    const std::vector<Tensor> expected = run_native(zero_channels(graph, groups, keep), images);
    EXPECT_LT(relative_difference(expected, run_native(cut, images)), 1e-4) << share;
    // Writing and reading a gigabyte shows nothing that a quarter of it does not.
    const bool large = full > 5e8;
    if (large && share > 0.25) continue;
    const Graph folded = graph::fuse_activations(graph::fold_batch_norms(cut));
    const std::string bytes = graph::write_onnx(folded);
    EXPECT_LT(relative_difference(expected, run_native(graph::read_onnx(bytes, "cut"), images)), 1e-4) << share;
  }
}

INSTANTIATE_TEST_SUITE_P(All, SurgeryOfModels, testing::ValuesIn(models::names()), [](const auto& info) {
  std::string name = info.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

TEST(Surgery, RefusesWhatCannotBe) {
  const Graph graph = models::build("yolov5n-cls", {.classes = {"a", "b"}, .imgsz = 32});
  const std::vector<ChannelGroup> groups = channel_groups(graph);
  Keep keep = keep_all(groups);
  EXPECT_TRUE(cut_channels(graph, groups, keep) == graph) << "nothing is cut";
  const size_t head = std::ranges::find(groups, "model.9.linear", &ChannelGroup::name) - groups.begin();
  keep[head][0] = false;
  auto [kind, text] = error_of([&] { cut_channels(graph, groups, keep); });
  EXPECT_EQ(kind, ErrorKind::config);
  EXPECT_NE(text.find("model.9.linear keeps all of its channels: output"), std::string::npos) << text;
  keep = keep_all(groups);
  keep[1].assign(keep[1].size(), false);
  std::tie(kind, text) = error_of([&] { cut_channels(graph, groups, keep); });
  EXPECT_EQ(kind, ErrorKind::config);
  const Graph quantized = graph::samples::quantized(graph, {});
  const std::vector<ChannelGroup> of_quantized = channel_groups(quantized);
  std::tie(kind, text) = error_of([&] { cut_channels(quantized, of_quantized, keep_all(of_quantized)); });
  EXPECT_EQ(kind, ErrorKind::config);
  EXPECT_NE(text.find("prune first, then quantize"), std::string::npos) << text;
}

}  // namespace
}  // namespace quench::prune
