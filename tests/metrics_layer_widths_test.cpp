#include <gtest/gtest.h>

#include "metrics/layer_widths.h"
#include "models/spec.h"

namespace quench::metrics {
namespace {

/// YOLOv5n, its layers quantized to 8 bits; what each reads, but for the image, to 8 too.
graph::Graph eight_bits() {
  graph::Graph graph = models::build("yolov5n", {});
  for (auto& [name, weight] : graph.weights) {
    if (name.ends_with("conv.weight"))
      weight.quant = graph::QuantParams{.dtype = DType::i8, .scale = {1}, .zero_point = {0}};
  }
  for (graph::Edge& edge : graph.edges) edge.quant = graph::QuantParams{.scale = {1}, .zero_point = {0}};
  return graph;
}

TEST(LayerWidths, FloatModelsHaveNone) {
  const LayerWidths widths = layer_widths(models::build("yolov5n", {}));
  EXPECT_EQ(widths.weights, 32);
  EXPECT_EQ(widths.activations, 32);
  EXPECT_FALSE(widths.mean_weights.has_value());
  EXPECT_EQ(widths.others, "");
}

TEST(LayerWidths, OneNarrowLayerIsNotTheWholeModel) {
  graph::Graph graph = eight_bits();
  EXPECT_EQ(layer_widths(graph).others, "");
  EXPECT_EQ(layer_widths(graph).mean_weights, 8.0);
  graph::Weight& narrow = graph.weights.at("model.3.conv.weight");
  narrow.quant->bits = 4;
  double all = 0;
  for (const auto& [name, weight] : graph.weights) all += weight.quant ? static_cast<double>(weight.value.size()) : 0;
  const LayerWidths widths = layer_widths(graph);
  EXPECT_EQ(widths.weights, 8);
  EXPECT_EQ(widths.activations, 8);
  EXPECT_EQ(widths.others, "model.3.conv=w4");
  EXPECT_NEAR(widths.mean_weights.value(), 8 - 4 * static_cast<double>(narrow.value.size()) / all, 1e-12);
}

// The width of a model is that of most weights, whatever the number of layers.
TEST(LayerWidths, MostWeightsSayTheWidth) {
  graph::Graph graph = eight_bits();
  int64_t layers = 0;
  for (auto& [name, weight] : graph.weights) {
    if (!weight.quant || weight.value.size() < 20'000) continue;
    weight.quant->bits = 4;
    ++layers;
  }
  const LayerWidths widths = layer_widths(graph);
  EXPECT_EQ(widths.weights, 4);
  EXPECT_LT(widths.mean_weights.value(), 5);
  EXPECT_NE(widths.others.find("model.0.conv=w8"), std::string::npos) << "the small ones are the others";
  EXPECT_GT(layers, 10);
}

// The image has 8 bits always, which says nothing of the layers.
TEST(LayerWidths, ActivationsAreThoseOfMostLayersButTheImage) {
  graph::Graph graph = eight_bits();
  for (graph::Edge& edge : graph.edges) edge.quant->bits = 6;
  graph.edge(graph.inputs[0]).quant->bits = 8;
  const LayerWidths widths = layer_widths(graph);
  EXPECT_EQ(widths.activations, 6);
  EXPECT_EQ(widths.others, "");
}

}  // namespace
}  // namespace quench::metrics
