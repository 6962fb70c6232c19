#include <gtest/gtest.h>

#include <algorithm>

#include "core/error.h"
#include "graph/passes.h"
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
