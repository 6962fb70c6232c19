#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "graph/input_normalization.h"
#include "graph/passes.h"
#include "graph/shape_inference.h"
#include "graph/unfold_batch_norm.h"
#include "graph/verify.h"
#include "graph_samples.h"
#include "reference_executor.h"

namespace quench::graph {
namespace {

using reference::execute;
using reference::largest_difference;
using reference::random_inputs;

int count(const Graph& graph, Op op) {
  return static_cast<int>(std::count_if(graph.nodes.begin(), graph.nodes.end(), [&](auto& n) { return n.op == op; }));
}

/// Largest difference of any output on two random images, the first graph being the law.
double difference(const Graph& a, const Graph& b) {
  const auto inputs = random_inputs(a, 2, 7);
  const auto left = execute(a, inputs), right = execute(b, inputs);
  EXPECT_EQ(left.size(), right.size());
  double most = 0;
  for (size_t i = 0; i < left.size(); ++i) most = std::max(most, largest_difference(left[i], right[i]));
  return most;
}

TEST(Passes, FoldKeepsOutputs) {
  for (uint64_t seed = 0; seed < 5; ++seed) {
    const Graph plain = samples::every_op(seed);
    const Graph folded = fold_batch_norms(plain);
    verify(folded);
    EXPECT_EQ(count(folded, Op::batch_norm), 0);
    // Folded weights are rounded to float once more: 6e-8 relative on sums of about 10 (measured 3e-6).
    EXPECT_LT(difference(plain, folded), 2e-5);
  }
}

TEST(Passes, FoldedConvKeepsItsNameAndTakesTheEdge) {
  const Graph folded = fold_batch_norms(samples::every_op());
  EXPECT_EQ(folded.nodes[0].name, "model.0.conv");
  EXPECT_EQ(folded.edge(folded.nodes[0].outputs[0]).name, "model.0.bn");
  EXPECT_TRUE(folded.weights.count("model.0.conv.bias"));
  EXPECT_FALSE(folded.weights.count("model.0.bn.weight"));
}

TEST(Passes, FoldLeavesABatchNormWhoseConvHasOtherReaders) {
  samples::Builder b(3);
  const EdgeId x = b.conv("a.conv", b.input("images", {1, 3, 8, 8}), 4, {});
  const EdgeId y = b.batch_norm("a.bn", x);
  b.output(b.node("sum", Op::add, {x, y}));
  const Graph folded = fold_batch_norms(b.graph);
  EXPECT_TRUE(folded == b.graph);

  samples::Builder c(3);
  const EdgeId z = c.conv("a.conv", c.input("images", {1, 3, 8, 8}), 4, {});
  c.output(z);
  c.output(c.batch_norm("a.bn", z));
  EXPECT_EQ(count(fold_batch_norms(c.graph), Op::batch_norm), 1);
}

TEST(Passes, FoldTakesFloatGraphsOnly) {
  Graph graph = samples::every_op();
  graph.edges[1].quant = QuantParams{DType::u8, 8, {0.1f}, {0}, -1};
  EXPECT_THROW(fold_batch_norms(graph), Error);
}

/// Conv, batch norm and silu, and a head, on pictures: what the passes below are for.
Graph small_network() {
  samples::Builder builder(5);
  EdgeId x = builder.input("images", {1, 3, 8, 8});
  x = builder.conv("model.0.conv", x, 4, {{3, 3}, {2, 2}, {1, 1}});
  x = builder.batch_norm("model.0.bn", x);
  x = builder.node("model.0.act", Op::silu, {x});
  x = builder.conv("model.1.conv", x, 6, {{3, 3}, {1, 1}, {1, 1}});
  x = builder.batch_norm("model.1.bn", x);
  x = builder.node("model.1.act", Op::silu, {x});
  builder.output(builder.conv("model.2", x, 2, {}, true));
  infer_shapes(builder.graph);
  return std::move(builder.graph);
}

TEST(Passes, NormalizeInputEqualsNormalisedImages) {
  const Graph plain = small_network();
  const Normalization normalization{{0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}};
  const Graph normalized = normalize_input(plain, normalization);
  verify(normalized);
  ASSERT_NE(input_normalization(normalized), nullptr);
  EXPECT_EQ(input_normalization(plain), nullptr);
  std::vector<Tensor> images = random_inputs(plain, 2, 7);
  const std::vector<Tensor> got = execute(normalized, images);
  const std::span<float> pixels = images[0].mutable_values<float>();
  for (size_t i = 0; i < pixels.size(); ++i) {
    const size_t channel = i / 64 % 3;
    pixels[i] = static_cast<float>((pixels[i] - normalization.mean[channel]) / normalization.std[channel]);
  }
  // Borders too: the convolutions pad what is normalised. Rounded in another order (measured 1e-6).
  EXPECT_LT(largest_difference(execute(plain, images)[0], got[0]), 1e-5);
}

TEST(Passes, NormalizeInputTakesImagesOnceAndNumbersThatMakeSense) {
  const Graph plain = small_network();
  EXPECT_THROW(normalize_input(normalize_input(plain, {}), {}), Error);
  samples::Builder gray(1);
  gray.output(gray.conv("c", gray.input("images", {1, 1, 4, 4}), 2, {}));
  EXPECT_THROW(normalize_input(gray.graph, {}), Error) << "one channel";
  EXPECT_THROW(normalize_input(plain, {{0, 0, 0}, {1, 0, 1}}), Error);
  EXPECT_THROW(normalize_input(plain, {{0, std::numeric_limits<double>::quiet_NaN(), 0}, {1, 1, 1}}), Error);
}

TEST(Passes, UnfoldKeepsOutputsWhateverTheStatistics) {
  const Graph folded = fold_batch_norms(small_network());
  EXPECT_EQ(folded_convolutions(folded), (std::vector<std::string>{"model.0.conv", "model.1.conv"}));
  const Graph unfolded = unfold_batch_norms(folded, {{"model.0.conv", {{1, -2, 0.5, 0}, {4, 0.25, 0, 9}}},
                                                     {"model.1.conv", {{0, 1, 2, 3, 4, 5}, {1, 1, 1, 2, 2, 2}}}});
  verify(unfolded);
  EXPECT_EQ(count(unfolded, Op::batch_norm), 2);
  EXPECT_TRUE(folded_convolutions(unfolded).empty());
  // Weights rounded to float: measured 2e-6.
  EXPECT_LT(difference(folded, unfolded), 2e-5);
  const Graph original = small_network();
  ASSERT_EQ(unfolded.nodes.size(), original.nodes.size());
  for (size_t i = 0; i < original.nodes.size(); ++i) {
    EXPECT_EQ(unfolded.nodes[i].name, original.nodes[i].name);
    EXPECT_EQ(unfolded.edge(unfolded.nodes[i].outputs[0]).name, original.edge(original.nodes[i].outputs[0]).name);
  }
  for (const auto& [name, weight] : original.weights) {
    ASSERT_TRUE(unfolded.weights.contains(name)) << name;
    EXPECT_EQ(unfolded.weights.at(name).value.shape(), weight.value.shape()) << name;
  }
  EXPECT_EQ(unfolded.weights.size(), original.weights.size());
}

TEST(Passes, FuseKeepsOutputsExactly) {
  const Graph folded = fold_batch_norms(samples::every_op());
  const Graph fused = fuse_activations(folded);
  verify(fused);
  EXPECT_EQ(count(fused, Op::silu) + count(fused, Op::relu), 0);
  // One rounding less: the value between conv and activation is not rounded to float.
  EXPECT_LT(difference(folded, fused), 2e-5);
}

TEST(Passes, FuseAndUnfuseAreInverse) {
  const Graph plain = samples::every_op();  // only the add's silu follows what can be fused
  const Graph fused = fuse_activations(plain);
  EXPECT_EQ(count(fused, Op::silu), 1);
  EXPECT_TRUE(unfuse_activations(fused) == Graph(unfuse_activations(fuse_activations(unfuse_activations(fused)))));

  samples::Builder b(3);  // edges named after nodes, as the models do
  const EdgeId x = b.conv("model.0.conv", b.input("images", {1, 3, 8, 8}), 4, {});
  b.output(b.linear(
      "model.1.linear",
      b.node("flat", Op::flatten, {b.node("pool", Op::global_avg_pool, {b.node("model.0.act", Op::silu, {x})})}), 5));
  EXPECT_FALSE(fuse_activations(b.graph) == b.graph);
  EXPECT_TRUE(unfuse_activations(fuse_activations(b.graph)) == b.graph);
  for (const auto& [name, graph] : samples::all()) {
    const Graph once = fuse_activations(graph);
    EXPECT_TRUE(fuse_activations(unfuse_activations(once)) == once) << name;
    EXPECT_NO_THROW(verify(unfuse_activations(graph))) << name;
  }
}

TEST(Passes, FuseLeavesWhatIsReadTwiceOrQuantized) {
  Graph graph = fold_batch_norms(samples::every_op());
  const int silu = 1;
  ASSERT_EQ(graph.nodes[silu].op, Op::silu);
  graph.edge(graph.nodes[silu].inputs[0]).quant = QuantParams{DType::u8, 8, {0.1f}, {0}, -1};
  EXPECT_EQ(count(fuse_activations(graph), Op::silu), 1);

  samples::Builder b(3);
  const EdgeId x = b.conv("a", b.input("images", {1, 3, 8, 8}), 4, {});
  b.output(b.node("sum", Op::add, {x, b.node("act", Op::silu, {x})}));
  EXPECT_TRUE(fuse_activations(b.graph) == b.graph);
}

TEST(Passes, DecomposeKeepsOutputs) {
  for (const auto& [name, graph] : samples::all()) {
    if (name.find("integer") != name.npos || name.find("prepared") != name.npos) continue;
    const Graph decomposed = decompose_silu(graph);
    verify(decomposed);
    EXPECT_EQ(count(decomposed, Op::silu), 0) << name;
    for (const Node& node : decomposed.nodes) EXPECT_NE(node.activation, Activation::silu) << name;
    EXPECT_LT(difference(graph, decomposed), 2e-5) << name;  // two roundings more
  }
  const Graph decomposed = decompose_silu(samples::every_op());
  EXPECT_EQ(decomposed.nodes[2].name, "model.0.act.sigmoid");
  EXPECT_EQ(decomposed.nodes[3].name, "model.0.act.mul");
  EXPECT_EQ(decomposed.edge(decomposed.nodes[3].outputs[0]).name, "model.0.act");
}

TEST(Passes, CompactRemovesWhatNoOutputNeeds) {
  Graph graph = samples::every_op();
  const Graph whole = graph;
  EXPECT_TRUE(compact(graph) == whole);
  graph.outputs.resize(1);
  EXPECT_THROW(verify(graph), Error);
  const Graph small = compact(graph);
  verify(small);
  EXPECT_EQ(small.nodes.back().name, "model.8.cv");
  EXPECT_FALSE(small.weights.count("model.9.linear.weight"));
  for (size_t i = 0, next = 0; i < small.nodes.size(); ++i) {  // numbered in order of use
    for (EdgeId id : small.nodes[i].outputs) EXPECT_GT(id, static_cast<EdgeId>(next++));
  }
  EXPECT_EQ(difference(small, graph), 0);
}

}  // namespace
}  // namespace quench::graph
