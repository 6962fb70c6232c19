// Channels that are made twice: the function stays, the largest weights fall, and the choice is the best by brute
// force.
#include "error_testing.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"
#include "graph/passes.h"
#include "graph/quantized.h"
#include "graph/verify.h"
#include "graph_samples.h"
#include "models/spec.h"
#include "prune/split_channels.h"
#include "prune/surgery.h"
#include "prune_testing.h"
#include "random_graphs.h"
#include "reference_executor.h"
#include "runtime/native/native.h"

namespace quench::prune {
namespace {

using graph::Graph;

std::vector<Tensor> outputs_of(const Graph& graph, const Tensor& images) {
  graph::ModelFile file;
  file.graph = graph;
  return runtime::native_runtime()->load(file, {.threads = 2})->run(images);
}

/// Largest difference, as a share of the largest value.
double apart(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  double most = 0, size = 1e-9;
  for (size_t o = 0; o < a.size(); ++o) {
    EXPECT_EQ(a[o].shape(), b[o].shape());
    for (size_t i = 0; i < a[o].values<float>().size(); ++i) {
      most = std::max(most, std::abs(static_cast<double>(a[o].values<float>()[i]) - b[o].values<float>()[i]));
      size = std::max(size, std::abs(static_cast<double>(a[o].values<float>()[i])));
    }
  }
  return most / size;
}

Graph model(const std::string& name) {
  models::BuildOptions options;
  options.classes = {"a", "b", "c", "d"};
  options.imgsz = 64;
  options.seed = 3;
  return models::build(name, options);
}

TEST(SplitChannels, ModelsComputeTheSame) {
  for (const char* name : {"yolov5n-cls", "yolov8n-cls", "yolov5n", "yolov8n"}) {
    const Graph plain = model(name);
    const Tensor images = graph::reference::random_inputs(plain, 2, 5)[0];
    for (const double ratio : {0.01, 0.3, 1.0}) {
      const SplitChannels made = split_channels(plain, ratio, {});
      graph::verify(made.graph);
      EXPECT_GT(made.channels, 0) << name;
      EXPECT_EQ(made.graph.metadata.at("split_channels"), std::to_string(made.channels));
      EXPECT_LT(apart(outputs_of(plain, images), outputs_of(made.graph, images)), 2e-5) << name << " " << ratio;
      EXPECT_TRUE(graph::read_onnx(graph::write_onnx(made.graph), "split") == made.graph);
    }
  }
}

TEST(SplitChannels, EveryKindOfGraphComputesTheSame) {
  int doubled = 0;
  for (const auto& [name, plain] : graph::samples::all()) {
    if (graph::is_quantized(plain)) continue;
    const SplitChannels made = split_channels(plain, 1, {});
    const auto inputs = graph::reference::random_inputs(plain, 1, 11);
    EXPECT_LT(apart(graph::reference::execute(plain, inputs), graph::reference::execute(made.graph, inputs)), 2e-5)
        << name;
    doubled += made.channels > 0;
  }
  EXPECT_GT(doubled, 3);
}

/// Sum over output channels of the largest |w| squared, of all layers that read the group.
double noise(const Graph& graph) {
  double sum = 0;
  for (const graph::Node& node : graph.nodes) {
    if (node.name != "second") continue;
    const auto values = graph.required_weight(node, "weight").value.values<float>();
    const size_t each = values.size() / static_cast<size_t>(graph.required_weight(node, "weight").value.shape()[0]);
    for (size_t o = 0; o * each < values.size(); ++o) {
      double most = 0;
      for (size_t i = 0; i < each; ++i) most = std::max(most, std::abs(static_cast<double>(values[o * each + i])));
      sum += most * most;
    }
  }
  return sum;
}

Graph two_layers(uint64_t seed) {
  graph::samples::Builder b(seed);
  b.graph.metadata = {{"task", "classify"}, {"model", "two"}};
  const graph::EdgeId x = b.input("images", {1, 3, 8, 8});
  const graph::EdgeId y =
      b.node("act", graph::Op::silu, {b.conv("first", x, 6, {.kernel = {3, 3}, .padding = {1, 1}}, true)});
  b.output(b.conv("second", y, 5, {.kernel = {3, 3}, .padding = {1, 1}}, true));
  return b.graph;
}

TEST(SplitChannels, TheFirstIsTheBestByBruteForceAndMoreAreBetter) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const Graph graph = two_layers(seed);
    std::vector<ChannelGroup> groups = channel_groups(graph);
    const auto group = std::ranges::find(groups, "first", &ChannelGroup::name);
    ASSERT_NE(group, groups.end());
    double best = noise(graph);
    for (size_t u = 0; u < 6; ++u) {
      Keep one;
      for (const ChannelGroup& each : groups) one.emplace_back(each.units.size());
      one[static_cast<size_t>(group - groups.begin())][u] = true;
      best = std::min(best, noise(double_channels(graph, groups, one)));
    }
    const SplitChannels made = split_channels(graph, 1.0 / 6, {});
    EXPECT_EQ(made.channels, 1);
    EXPECT_DOUBLE_EQ(noise(made.graph), best);
    double before = best;
    for (const double ratio : {0.5, 1.0}) {
      const double now = noise(split_channels(graph, ratio, {}).graph);
      EXPECT_LE(now, before);
      before = now;
    }
  }
}

TEST(SplitChannels, AnOutlierIsHalvedAndItsFilterIsThereTwice) {
  Graph graph = two_layers(1);
  graph.weights.at("second.weight").value.mutable_values<float>()[2 * 9 + 4] = 50;  // output 0, input 2
  const SplitChannels made = split_channels(graph, 0.1, {});
  EXPECT_EQ(made.channels, 1);
  const Tensor& first = made.graph.weights.at("first.weight").value;
  const Tensor& second = made.graph.weights.at("second.weight").value;
  EXPECT_EQ(first.shape(), (Shape{7, 3, 3, 3}));
  EXPECT_EQ(second.shape(), (Shape{5, 7, 3, 3}));
  for (size_t i = 0; i < 27; ++i) EXPECT_EQ(first.values<float>()[2 * 27 + i], first.values<float>()[3 * 27 + i]);
  EXPECT_EQ(second.values<float>()[2 * 9 + 4], 25);
  EXPECT_EQ(second.values<float>()[3 * 9 + 4], 25);
  EXPECT_EQ(split_channels(graph, 1, {"first"}).channels, 0) << "protected";
}

TEST(SplitChannels, RefusesWhatItCannotDo) {
  const Graph graph = two_layers(1);
  EXPECT_EQ(error_of([&] { split_channels(graph, 0, {}); }).first, ErrorKind::config);
  EXPECT_EQ(error_of([&] { split_channels(graph, 1.5, {}); }).first, ErrorKind::config);
  EXPECT_EQ(error_of([&] { split_channels(graph, 0.5, {"nothing"}); }).first, ErrorKind::config);
  EXPECT_EQ(error_of([&] { split_channels(graph::samples::quantized(graph, {}), 0.5, {}); }).first, ErrorKind::config);
}

}  // namespace
}  // namespace quench::prune
