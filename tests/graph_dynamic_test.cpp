// Ranges that are found as a model runs: their parameters against the operator's specification, the rules of a Graph,
// and files that are damaged.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "core/error.h"
#include "graph/dynamic_range.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"
#include "graph/passes.h"
#include "graph/verify.h"
#include "graph_samples.h"
#include "quench_onnx.pb.h"

namespace quench::graph {
namespace {

Graph sample() {
  return samples::quantized(fuse_activations(fold_batch_norms(samples::every_op())), {.dynamic = true});
}

/// The message of the Error{data} that f gives.
std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    return error.what();
  }
  ADD_FAILURE() << "expected an Error";
  return "";
}

// The examples of ONNX's own tests of DynamicQuantizeLinear (onnx/backend/test/case/node/dynamicquantizelinear.py).
TEST(DynamicRange, IsThatOfTheOperatorsOwnTests) {
  const DynamicRange both = dynamic_range(-2.5f, 2.0f);
  EXPECT_EQ(both.scale, 4.5f / 255);
  EXPECT_EQ(both.zero_point, 142);  // 141.67
  const DynamicRange negative = dynamic_range(-4.0f, -1.2f);
  EXPECT_EQ(negative.scale, 4.0f / 255);
  EXPECT_EQ(negative.zero_point, 255);
  const DynamicRange positive = dynamic_range(1.0f, 4.0f);
  EXPECT_EQ(positive.scale, 4.0f / 255);
  EXPECT_EQ(positive.zero_point, 0);
}

TEST(DynamicRange, HoldsZeroExactlyAndBothEnds) {
  for (int i = -40; i <= 40; ++i) {
    for (int k = 0; k < 60; ++k) {
      const float low = std::ldexp(static_cast<float>(i), -4),
                  high = low + std::ldexp(1.0f + static_cast<float>(k) / 7, k % 9);
      const DynamicRange range = dynamic_range(low, high);
      ASSERT_TRUE(range.scale > 0 && range.zero_point >= 0 && range.zero_point <= 255);
      const double first = -range.scale * range.zero_point, last = range.scale * (255 - range.zero_point);
      EXPECT_LE(first, std::min(low, 0.0f) + 0.501 * range.scale);
      EXPECT_GE(last, std::max(high, 0.0f) - 0.501 * range.scale);
    }
  }
}

TEST(DynamicRange, OfHardlyAnything) {
  for (const float high : {0.0f, 1e-45f, 1e-40f, 255e-38f}) {
    EXPECT_EQ(dynamic_range(-0.0f, high).scale, 1) << high;
    EXPECT_EQ(dynamic_range(-high, 0).zero_point, 0) << high;
  }
  EXPECT_EQ(dynamic_range(0, 1e-35f).scale, 1e-35f / 255);
  EXPECT_TRUE(std::isfinite(dynamic_range(-1.7e38f, 1.7e38f).scale));
}

TEST(DynamicRange, RulesOfAGraph) {
  const auto refuse = [](const std::string& words, const std::function<void(Graph&)>& edit) {
    Graph graph = sample();
    ASSERT_NO_THROW(verify(graph));
    edit(graph);
    EXPECT_NE(error_of([&] { verify(graph); }).find(words), std::string::npos) << words;
  };
  const auto of = [](Graph& graph) -> QuantParams& {
    for (Edge& edge : graph.edges) {
      if (is_dynamic(edge)) return *edge.quant;
    }
    throw std::logic_error("no dynamic edge");
  };
  EXPECT_TRUE(has_dynamic_ranges(sample()));
  EXPECT_FALSE(has_dynamic_ranges(samples::quantized(samples::every_op(), {})));
  refuse("a fixed scale of a graph input", [](Graph& g) { g.edge(g.inputs[0]).quant = dynamic_params(); });
  refuse("of a dynamic range", [&](Graph& g) { of(g).scale[0] = 0.5f; });
  refuse("of a dynamic range", [&](Graph& g) { of(g).zero_point[0] = 3; });
  refuse("of a dynamic range", [&](Graph& g) { of(g).bits = 7; });
  refuse("of a dynamic range", [&](Graph& g) { of(g).dtype = DType::i8; });
  refuse("scales of weights that are fixed", [](Graph& g) {
    for (auto& [name, weight] : g.weights) {
      if (weight.quant && weight.quant->dtype == DType::i8) weight.quant->dynamic = true;
    }
  });
}

quench_onnx::ModelProto parse(const std::string& bytes) {
  quench_onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromString(bytes));
  return model;
}

/// A node of the type, after `skip` others.
quench_onnx::NodeProto* find(quench_onnx::ModelProto& model, const std::string& type, int skip = 0) {
  for (auto& node : *model.mutable_graph()->mutable_node()) {
    if (node.op_type() == type && skip-- == 0) return &node;
  }
  return nullptr;
}

TEST(DynamicRange, OneOperatorAnEdgeAndOneReaderEach) {
  const Graph graph = sample();
  auto model = parse(write_onnx(graph));
  int64_t edges = 0, operators = 0;
  for (const Edge& edge : graph.edges) edges += is_dynamic(edge);
  for (const auto& node : model.graph().node()) operators += node.op_type() == "DynamicQuantizeLinear";
  EXPECT_GT(edges, 2);
  EXPECT_EQ(operators, edges);
  EXPECT_EQ(model.opset_import(0).version(), 13);
}

TEST(DynamicRange, DamagedFiles) {
  const auto refuse = [](const std::string& words, const std::function<void(quench_onnx::ModelProto&)>& edit) {
    auto model = parse(write_onnx(sample()));
    edit(model);
    std::string bytes;
    model.SerializeToString(&bytes);
    EXPECT_NE(error_of([&] { read_onnx(bytes, "damaged"); }).find(words), std::string::npos) << words;
  };
  using Model = quench_onnx::ModelProto;
  const auto dequantize_of = [](Model& model, const quench_onnx::NodeProto& quantize) {
    for (auto& node : *model.mutable_graph()->mutable_node()) {
      if (node.op_type() == "DequantizeLinear" && node.input(0) == quantize.output(0)) return &node;
    }
    return static_cast<quench_onnx::NodeProto*>(nullptr);
  };
  refuse("1 input and 3 outputs", [](Model& m) { find(m, "DynamicQuantizeLinear")->mutable_output()->RemoveLast(); });
  refuse("1 input and 3 outputs", [](Model& m) {
    auto* node = find(m, "DynamicQuantizeLinear");
    node->add_input(node->input(0));
  });
  refuse("which a Graph cannot hold", [](Model& m) {
    auto* attribute = find(m, "DynamicQuantizeLinear")->add_attribute();
    attribute->set_name("axis");
    attribute->set_type(quench_onnx::AttributeProto::INT);
  });
  refuse("made once", [](Model& m) { find(m, "DynamicQuantizeLinear")->set_output(1, ""); });
  refuse("that DynamicQuantizeLinear gave", [&](Model& m) {  // another edge's scale
    auto *first = find(m, "DynamicQuantizeLinear"), *second = find(m, "DynamicQuantizeLinear", 1);
    dequantize_of(m, *second)->set_input(1, first->output(1));
  });
  refuse("that DynamicQuantizeLinear gave", [&](Model& m) {  // zero point as scale
    auto* first = find(m, "DynamicQuantizeLinear");
    dequantize_of(m, *first)->set_input(1, first->output(2));
  });
  refuse("that DynamicQuantizeLinear gave", [&](Model& m) {  // constants
    auto* first = find(m, "DynamicQuantizeLinear");
    dequantize_of(m, *first)->set_input(1, find(m, "QuantizeLinear")->input(1));
  });
  refuse("3 inputs", [&](Model& m) {
    auto* first = find(m, "DynamicQuantizeLinear");
    dequantize_of(m, *first)->mutable_input()->RemoveLast();
  });
  refuse("expected an edge that is quantized once", [](Model& m) {  // the image, which has a fixed scale
    find(m, "DynamicQuantizeLinear")->set_input(0, find(m, "QuantizeLinear")->input(0));
  });
}

TEST(DynamicRange, ReadersWithoutTheOperator) {
  auto model = parse(write_onnx(sample()));
  auto* quantize = find(model, "DynamicQuantizeLinear");
  for (auto& node : *model.mutable_graph()->mutable_node()) {
    if (node.op_type() != "DequantizeLinear" || node.input(0) != quantize->output(0)) continue;
    for (auto& reader : *model.mutable_graph()->mutable_node()) {
      for (auto& input : *reader.mutable_input()) {
        if (input == node.output(0)) input = quantize->input(0);
      }
    }
  }
  std::string bytes;
  model.SerializeToString(&bytes);
  EXPECT_NE(error_of([&] { read_onnx(bytes, "damaged"); }).find("is quantized, but read without"), std::string::npos);
}

}  // namespace
}  // namespace quench::graph
