#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "core/error.h"
#include "graph/shape_inference.h"
#include "graph/verify.h"
#include "graph_samples.h"

namespace quench::graph {
namespace {

/// Checks that one change to a good graph is refused with words that name it.
void expect_refused(Graph graph, const std::string& words, const std::function<void(Graph&)>& edit) {
  ASSERT_NO_THROW(verify(graph));
  edit(graph);
  try {
    verify(graph);
    ADD_FAILURE() << "expected an Error about " << words;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
  }
}

void refuse(const std::string& words, const std::function<void(Graph&)>& edit) {
  expect_refused(samples::every_op(), words, edit);
}

void refuse_quantized(const std::string& words, const std::function<void(Graph&)>& edit) {
  expect_refused(samples::quantized(samples::every_op(), {}), words, edit);
}

TEST(Verify, Wiring) {
  refuse("unique node names", [](Graph& g) { g.nodes[1].name = g.nodes[0].name; });
  refuse("unique edge names", [](Graph& g) { g.edges[1].name = g.edges[0].name; });
  refuse("a name for every edge", [](Graph& g) { g.edges[1].name = ""; });
  refuse("different names", [](Graph& g) { g.edges[1].name = "model.0.conv.weight"; });
  refuse("expected an edge in [0,", [](Graph& g) { g.nodes[1].inputs[0] = 999; });
  refuse("expected an edge in [0,", [](Graph& g) { g.outputs[0] = -1; });
  refuse("used before it is made", [](Graph& g) { std::swap(g.nodes[0], g.nodes[1]); });
  refuse("made once", [](Graph& g) { g.nodes[1].outputs = g.nodes[0].outputs; });
  refuse("made by nothing", [](Graph& g) { g.add_edge({"spare", {1, 1}, DType::f32, {}}); });
  refuse("no graph output depends on node", [](Graph& g) { g.outputs.pop_back(); });
  refuse("different graph outputs", [](Graph& g) { g.outputs.push_back(g.outputs[0]); });
  refuse("graph output that a node makes", [](Graph& g) { g.outputs.push_back(g.inputs[0]); });
  refuse("graph inputs and outputs", [](Graph& g) { g.outputs.clear(); });
  refuse("UTF-8", [](Graph& g) { g.metadata["classes"] = "na\xefve"; });
}

TEST(Verify, AttributesAndShapes) {
  refuse("attributes of conv", [](Graph& g) { g.nodes[0].attributes = PoolAttributes{}; });
  refuse("no fused activation on batch_norm", [](Graph& g) { g.nodes[1].activation = Activation::relu; });
  refuse("epsilon", [](Graph& g) { std::get<BatchNormAttributes>(g.nodes[1].attributes).epsilon = NAN; });
  refuse("stride in [1,", [](Graph& g) { std::get<ConvAttributes>(g.nodes[0].attributes).stride[0] = 0; });
  refuse("padding in [0,", [](Graph& g) { std::get<ConvAttributes>(g.nodes[0].attributes).padding[1] = -1; });
  refuse("weight [8,3,5,3]", [](Graph& g) { std::get<ConvAttributes>(g.nodes[0].attributes).kernel[0] = 5; });
  refuse("expected shape", [](Graph& g) { g.edges[2].shape[2] += 1; });
  refuse("one image", [](Graph& g) {
    for (Edge& edge : g.edges) edge.shape[0] = 2;
  });
  refuse("inputs, got", [](Graph& g) { g.nodes[0].inputs.push_back(g.inputs[0]); });
  refuse("outputs, got", [](Graph& g) {
    for (Node& node : g.nodes) {
      if (node.op == Op::relu) node.outputs.push_back(g.add_edge({"extra", {1, 1}, DType::f32, {}}));
    }
  });
}

TEST(Verify, Weights) {
  refuse("expected weight 'running_var'", [](Graph& g) { g.weights.erase("model.0.bn.running_var"); });
  refuse("belongs to no node", [](Graph& g) { g.weights["spare.weight"] = g.weights.begin()->second; });
  refuse("finite", [](Graph& g) { g.weights["model.0.conv.weight"].value.mutable_values<float>()[3] = INFINITY; });
  refuse("at least 0, got -1", [](Graph& g) { g.weights["model.0.bn.running_var"].value.mutable_values<float>()[0] = -1; });
  refuse("int8 alone", [](Graph& g) { g.weights["model.0.conv.weight"].value = Tensor(DType::i8, {8, 3, 3, 3}); });
  refuse("bias [8]", [](Graph& g) { g.weights["model.1.conv.bias"].value = Tensor(DType::f32, {7}); });
}

TEST(Verify, Quantization) {
  const auto edge = [](Graph& g) -> QuantParams& { return *g.edges[1].quant; };
  const auto weight = [](Graph& g) -> QuantParams& { return *g.weights["model.0.conv.weight"].quant; };
  refuse_quantized("scales above 0", [&](Graph& g) { edge(g).scale[0] = 0; });
  refuse_quantized("scales above 0", [&](Graph& g) { weight(g).scale[2] = NAN; });
  refuse_quantized("expected 8 scales", [&](Graph& g) { weight(g).scale.pop_back(); });
  refuse_quantized("zero points in [0,255]", [&](Graph& g) { edge(g).zero_point[0] = 256; });
  refuse_quantized("2 to 8 bits", [&](Graph& g) { edge(g).bits = 9; });
  refuse_quantized("per tensor", [&](Graph& g) { edge(g).axis = 0; });
  refuse_quantized("axis -1 or 0", [&](Graph& g) { weight(g).axis = 1; });
  refuse_quantized("q in [-7,7]", [&](Graph& g) { weight(g).bits = 4; });
  refuse_quantized("uint8 graph input", [&](Graph& g) { g.edges[1].dtype = DType::u8; });
  refuse_quantized("32 bits", [&](Graph& g) { g.weights["model.0.conv.bias"].quant->bits = 8; });
  refuse_quantized("int32 bias", [&](Graph& g) { g.weights["model.0.conv.bias"].quant->dtype = DType::i8; });
}

TEST(Shapes, AnyBatch) {
  const Graph graph = samples::every_op();
  const auto shapes = infer_outputs(graph, graph.nodes[0], {{5, 3, 16, 24}});
  EXPECT_EQ(shapes, (std::vector<Shape>{{5, 8, 8, 12}}));
}

TEST(Shapes, OtherImageSize) {
  const Graph graph = samples::every_op();
  const Graph other = with_image_size(graph, 32, 64);
  verify(other);
  EXPECT_EQ(other.metadata.at("imgsz"), "32x64");
  EXPECT_EQ(other.edge(other.outputs[0]).shape, (Shape{1, 6, 32, 64}));
  EXPECT_EQ(other.edge(other.outputs[1]).shape, (Shape{1, 10}));
  EXPECT_EQ(with_image_size(other, 16, 16).edges, graph.edges);
  for (const auto& [h, w] : {std::pair{0, 32}, {32, -32}, {32, 36}}) {
    try {
      with_image_size(graph, h, w);
      ADD_FAILURE() << h << "x" << w;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::config);
    }
  }
}

}  // namespace
}  // namespace quench::graph
