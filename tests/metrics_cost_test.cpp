#include <gtest/gtest.h>

#include "graph/shape_inference.h"
#include "metrics/cost.h"
#include "metrics/nonzero.h"

namespace quench::metrics {
namespace {

using graph::EdgeId;
using graph::Graph;
using graph::Op;
using graph::QuantParams;

graph::Weight zeros(Shape shape) { return {Tensor(DType::f32, std::move(shape)), {}}; }

/// images [1,4,8,8] -> conv (6 out, 3x3, stride 2, 2 groups) -> batch_norm -> pool -> flatten -> linear (5).
Graph small_graph() {
  Graph g;
  const auto edge = [&](const char* name) { return g.add_edge({.name = name, .shape = {}, .quant = {}}); };
  const EdgeId in = g.add_edge({.name = "images", .shape = {1, 4, 8, 8}, .quant = {}});
  const EdgeId a = edge("a"), b = edge("b"), c = edge("c"), d = edge("d"), e = edge("e");
  g.inputs = {in};
  g.outputs = {e};
  g.nodes.push_back({"a", Op::conv, graph::ConvAttributes{{3, 3}, {2, 2}, {1, 1}, {1, 1}, 2}, {in}, {a}});
  g.nodes.push_back({"b", Op::batch_norm, graph::BatchNormAttributes{}, {a}, {b}});
  g.nodes.push_back({"c", Op::global_avg_pool, {}, {b}, {c}});
  g.nodes.push_back({"d", Op::flatten, {}, {c}, {d}});
  g.nodes.push_back({"e", Op::linear, {}, {d}, {e}});
  g.weights["a.weight"] = zeros({6, 2, 3, 3});
  for (const char* role : {"weight", "bias", "running_mean", "running_var"}) {
    g.weights[std::string("b.") + role] = zeros({6});
  }
  g.weights["e.weight"] = zeros({5, 6});
  g.weights["e.bias"] = zeros({5});
  graph::infer_shapes(g);
  return g;
}

TEST(Cost, CountsByHand) {
  const Cost total = cost(small_graph());
  ASSERT_EQ(total.nodes.size(), 5u);
  const NodeCost& conv = total.nodes[0];
  EXPECT_EQ(conv.name, "a");
  EXPECT_EQ(conv.op, "conv");
  EXPECT_EQ(conv.input, (Shape{1, 4, 8, 8}));
  EXPECT_EQ(conv.output, (Shape{1, 6, 4, 4}));
  EXPECT_EQ(conv.params, 6 * 2 * 9);
  EXPECT_EQ(conv.macs, 6 * 4 * 4 * 9 * 2);  // out elements x kernel x channels in / groups
  EXPECT_EQ(conv.bops, conv.macs * 32 * 32);
  EXPECT_EQ(conv.weights_bytes, 4 * 6 * 2 * 9);
  EXPECT_EQ(conv.activation_bytes, 4 * 6 * 16);
  EXPECT_EQ(total.nodes[1].params, 12);             // running statistics are not learned,
  EXPECT_EQ(total.nodes[1].weights_bytes, 4 * 24);  // but are stored
  EXPECT_EQ(total.nodes[2].params + total.nodes[2].macs, 0);
  EXPECT_EQ(total.nodes[4].macs, 30);
  EXPECT_EQ(total.nodes[4].params, 35);
  EXPECT_EQ(total.params, 108 + 12 + 35);
  EXPECT_EQ(total.macs, 1728 + 30);
  EXPECT_DOUBLE_EQ(total.gflops, 2 * 1758 / 1e9);
  EXPECT_EQ(total.weights_bytes, 4 * (108 + 24 + 35));
}

TEST(NonzeroParams, WeightsOfLayersThatAreZeroDoNotCount) {
  Graph g = small_graph();
  EXPECT_EQ(nonzero_params(g), 12 + 5) << "batch norm and bias count as they are";
  g.weights["a.weight"].value.mutable_values<float>()[7] = 1e-30f;
  g.weights["e.weight"].value.mutable_values<float>()[0] = -0.0f;
  EXPECT_EQ(nonzero_params(g), 1 + 12 + 5);
  Tensor integers(DType::i8, {6, 2, 3, 3});
  std::ranges::fill(integers.mutable_values<int8_t>(), int8_t{0});
  integers.mutable_values<int8_t>()[100] = -1;
  g.weights["a.weight"] = {integers,
                           QuantParams{DType::i8, 8, std::vector<float>(6, 0.1f), std::vector<int32_t>(6, 0), 0}};
  EXPECT_EQ(nonzero_params(g), 1 + 12 + 5);
  g.weights["a.weight"].quant->zero_point[5] = -1;  // of the last 18 integers the one that is -1 stands for 0
  EXPECT_EQ(nonzero_params(g), 17 + 12 + 5);
}

TEST(Cost, QuantizedWeightsAndActivationsCountTheirBits) {
  Graph g = small_graph();
  QuantParams per_channel{DType::i8, 8, std::vector<float>(6, 0.1f), std::vector<int32_t>(6, 0), 0};
  g.weights["a.weight"].quant = per_channel;
  g.edge(g.inputs[0]).quant = QuantParams{DType::u8, 8, {1.0f / 255}, {0}, -1};
  g.edge(g.nodes[0].outputs[0]).quant = QuantParams{DType::u8, 4, {0.1f}, {3}, -1};
  const NodeCost conv = cost(g).nodes[0];
  EXPECT_EQ(conv.bops, conv.macs * 8 * 8);
  EXPECT_EQ(conv.weights_bytes, 108 + 6 * 4 + 6);  // int8 values, float scales, int8 zero points
  EXPECT_EQ(conv.activation_bytes, 6 * 16);
  g.weights["a.weight"].quant->bits = 7;
  EXPECT_EQ(cost(g).nodes[0].bops, conv.macs * 7 * 8);
  g.weights["a.weight"].quant->bits = 3;
  EXPECT_EQ(cost(g).nodes[0].weights_bytes, 108 + 6 * 4 + 6) << "bytes, as the kernels of others want them";
  g.metadata["target"] = "native";
  EXPECT_EQ(cost(g).nodes[0].weights_bytes, 54 + 6 * 4 + 6);
  g.weights["a.weight"].quant->bits = 2;
  EXPECT_EQ(cost(g).nodes[0].weights_bytes, 27 + 6 * 4 + 6);
}

TEST(Cost, MacsGrowWithTheAreaAndBatchIsOne) {
  Graph g = small_graph();
  const int64_t before = cost(g).nodes[0].macs;
  g.edge(g.inputs[0]).shape = {1, 4, 16, 16};
  graph::infer_shapes(g);
  EXPECT_EQ(cost(g).nodes[0].macs, 4 * before);
  EXPECT_EQ(cost(g).params, cost(small_graph()).params);
}

}  // namespace
}  // namespace quench::metrics
