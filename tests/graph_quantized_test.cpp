#include <gtest/gtest.h>

#include <algorithm>

#include "graph/quantized.h"
#include "graph_samples.h"

namespace quench::graph {
namespace {

bool all_symmetric(const Graph& graph) {
  return std::ranges::all_of(quantized_values(graph),
                             [](const auto& value) { return is_symmetric_int8(*value.quant); });
}

TEST(QuantizedValues, AreEdgesAndWeightsWithoutBiases) {
  const Graph sample = samples::every_op();
  EXPECT_TRUE(quantized_values(sample).empty());
  Graph graph = samples::quantized(sample, {});
  const auto values = quantized_values(graph);
  ASSERT_FALSE(values.empty());
  const auto edges = std::ranges::count_if(graph.edges, [](const Edge& edge) { return edge.quant.has_value(); });
  ASSERT_GT(edges, 0);
  ASSERT_GT(static_cast<long>(values.size()), edges);
  EXPECT_TRUE(std::ranges::any_of(
      graph.weights, [](const auto& entry) { return entry.second.quant && entry.second.quant->dtype == DType::i32; }));
  for (const QuantizedValue& value : values) {
    EXPECT_NE(value.quant->dtype, DType::i32) << value.name;
    const bool is_edge =
        std::ranges::any_of(graph.edges, [&](const Edge& edge) { return edge.name == value.name && edge.quant; });
    EXPECT_TRUE(is_edge || graph.weights.at(value.name).quant) << value.name;
  }
}

TEST(IsQuantized, ByOneEdgeOrOneWeight) {
  const Graph sample = samples::every_op();
  EXPECT_FALSE(is_quantized(sample));
  EXPECT_TRUE(is_quantized(samples::quantized(sample, {})));
  Graph edge = sample, weight = sample, bias = sample;
  edge.edges.back().quant = QuantParams{DType::u8, 8, {0.1f}, {0}, -1};
  EXPECT_TRUE(is_quantized(edge));
  for (auto& [name, value] : weight.weights) {
    if (!name.ends_with(".weight")) continue;
    value.quant = QuantParams{DType::i8, 8, {0.1f}, {0}, -1};
    break;
  }
  EXPECT_TRUE(is_quantized(weight));
  for (auto& [name, value] : bias.weights) {
    if (name.ends_with(".bias")) value.quant = QuantParams{DType::i32, 32, {0.1f}, {0}, -1};
  }
  EXPECT_TRUE(is_quantized(bias));
}

TEST(QuantizedValues, SymmetricIsInt8AroundZero) {
  const Graph sample = samples::every_op();
  EXPECT_FALSE(all_symmetric(samples::quantized(sample, {})));
  samples::QuantizeOptions options;
  options.symmetric = true;
  EXPECT_TRUE(all_symmetric(samples::quantized(sample, options)));
  EXPECT_TRUE(is_symmetric_int8({DType::i8, 8, {0.1f, 0.2f}, {0, 0}, 0}));
  EXPECT_FALSE(is_symmetric_int8({DType::i8, 8, {0.1f, 0.2f}, {0, 3}, 0}));
  EXPECT_FALSE(is_symmetric_int8({DType::u8, 8, {0.1f}, {0}, -1}));
}

}  // namespace
}  // namespace quench::graph
