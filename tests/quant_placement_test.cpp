#include <gtest/gtest.h>

#include <algorithm>

#include "core/error.h"
#include "core/name_pattern.h"
#include "graph/op_traits.h"
#include "graph/passes.h"
#include "graph/scale_groups.h"
#include "models/spec.h"
#include "quant/placement.h"
#include "quant_testing.h"

namespace quench::quant {
namespace {

using graph::Activation;
using graph::EdgeId;
using graph::Op;

graph::Graph model(const std::string& name, int imgsz) {
  models::BuildOptions options;
  options.imgsz = imgsz;
  return models::build(name, options);
}

// Group of each edge: -1 float, -2 fixed.
std::vector<int> group_of(const Placement& placement) {
  std::vector<int> out(placement.graph.edges.size(), -1);
  for (const auto& [edge, params] : placement.fixed) out[edge] = -2;
  for (size_t i = 0; i < placement.groups.size(); ++i) {
    for (const EdgeId edge : placement.groups[i]) {
      EXPECT_EQ(out[edge], -1) << "edge in two groups: " << placement.graph.edge(edge).name;
      out[edge] = static_cast<int>(i);
    }
  }
  return out;
}

int output_group(const Placement& placement, const std::string& node) {
  return group_of(placement)[node_named(placement.graph, node).outputs[0]];
}

TEST(Placement, BranchedGraphForOnnxRuntime) {
  const Placement placement = place(branched_graph(), {});
  const std::vector<int> group = group_of(placement);
  const auto& image = placement.graph.edge(placement.graph.inputs[0]);
  EXPECT_EQ(image.dtype, DType::u8);
  EXPECT_EQ(placement.fixed.at(placement.graph.inputs[0]), (graph::QuantParams{DType::u8, 8, {1.0f / 255}, {0}, -1}));
  EXPECT_EQ(placement.weights, (std::vector<std::string>{"conv1", "conv2", "conv3", "conv4", "fc"}));
  EXPECT_TRUE(placement.float_layers.empty());
  // conv1's activation feeds the pool, the pool and conv2's activation feed the concat: one group.
  const int cat = output_group(placement, "cat");
  EXPECT_EQ(output_group(placement, "pool"), cat);
  for (const EdgeId edge : node_named(placement.graph, "cat").inputs) EXPECT_EQ(group[edge], cat);
  EXPECT_EQ(group[node_named(placement.graph, "conv2").inputs[0]], cat);
  EXPECT_EQ(output_group(placement, "gap"), output_group(placement, "flat"));
  EXPECT_NE(output_group(placement, "sum"), output_group(placement, "gap"));
  EXPECT_EQ(output_group(placement, "fc"), -1);  // logits stay float
  for (const graph::Node& node : placement.graph.nodes) {
    if (node.op == Op::sigmoid) {
      EXPECT_EQ(placement.fixed.at(node.outputs[0]), (graph::QuantParams{DType::u8, 8, {1.0f / 256}, {0}, -1}));
    }
  }
}

// What ONNX Runtime needs to run a node in integers.
void expect_all_integer(const Placement& placement) {
  const std::vector<int> group = group_of(placement);
  const auto quantized = [&](EdgeId edge) { return group[edge] != -1; };
  const auto is_output = [&](EdgeId edge) {
    return std::count(placement.graph.outputs.begin(), placement.graph.outputs.end(), edge) > 0;
  };
  for (const graph::Node& node : placement.graph.nodes) {
    const bool in_float = std::count(placement.float_layers.begin(), placement.float_layers.end(), node.name) > 0;
    if (in_float) continue;
    for (const EdgeId edge : node.inputs) EXPECT_TRUE(quantized(edge)) << node.name;
    for (const EdgeId edge : node.outputs)
      EXPECT_TRUE(quantized(edge) || (node.op == Op::linear && is_output(edge)) || (node.op == Op::mul)) << node.name;
    if (!graph::traits(node.op).moves_values) continue;
    for (const EdgeId edge : node.inputs) EXPECT_EQ(group[edge], group[node.outputs[0]]) << node.name;
    for (const EdgeId edge : node.outputs) EXPECT_EQ(group[edge], group[node.outputs[0]]) << node.name;
  }
}

TEST(Placement, EveryNodeOfEveryClassifierRunsInIntegers) {
  for (const std::string name : {"yolov5n-cls", "yolov8n-cls", "yolov5m-cls"}) {
    const Placement placement = place(model(name, 64), {});
    EXPECT_TRUE(placement.float_layers.empty()) << name;
    expect_all_integer(placement);
  }
}

TEST(Placement, DetectorsKeepTheirHeadConvolutionsInFloat) {
  const Placement v5 = place(model("yolov5n", 64), {});
  EXPECT_EQ(v5.float_layers, (std::vector<std::string>{"model.24.m.0", "model.24.m.1", "model.24.m.2"}));
  expect_all_integer(v5);
  const Placement v8 = place(model("yolov8n", 64), {});
  EXPECT_EQ(v8.float_layers.size(), 6u);
  for (const std::string& name : v8.float_layers) EXPECT_TRUE(name.ends_with(".2")) << name;
  expect_all_integer(v8);
  for (const EdgeId edge : v8.graph.outputs) EXPECT_EQ(group_of(v8)[edge], -1);
}

TEST(Placement, SourcesCoverTheirGroup) {
  const Placement placement = place(model("yolov8n", 64), {});
  const graph::Links links(placement.graph);
  for (const auto& group : placement.groups) {
    const std::vector<EdgeId> sources = graph::sources_of(placement.graph, links, group);
    ASSERT_FALSE(sources.empty());
    for (const EdgeId edge : sources) {
      const Op op = placement.graph.nodes[links.producer[edge]].op;
      EXPECT_FALSE(graph::traits(op).moves_values) << placement.graph.edge(edge).name;
    }
  }
}

TEST(Placement, FloatLayersKeepTheirOutputsWhereNobodyNeedsIntegers) {
  PlacementOptions options;
  options.float_layers = {"conv4"};
  const Placement placement = place(branched_graph(), options);
  EXPECT_EQ(placement.float_layers, options.float_layers);
  EXPECT_EQ(output_group(placement, "conv4"), -1);  // its sigmoid and mul run in float
  const EdgeId activated = node_named(placement.graph, "sum").inputs[1];
  EXPECT_NE(group_of(placement)[activated], -1);  // the add is an integer consumer
}

TEST(Placement, EverythingInFloatQuantizesTheImageAlone) {
  PlacementOptions options;
  options.float_layers = {"*"};
  const Placement placement = place(branched_graph(), options);
  EXPECT_TRUE(placement.weights.empty());
  EXPECT_TRUE(placement.groups.empty());
  EXPECT_EQ(placement.fixed.size(), 1u);
}

TEST(Placement, ReluIsTheQuantizersOwnClamp) {
  const Placement placement = place(branched_graph(Activation::relu), {});
  EXPECT_EQ(output_group(placement, "conv1"), -1);  // conv -> relu -> Q
  PlacementOptions symmetric;
  symmetric.symmetric = true;
  EXPECT_NE(output_group(place(branched_graph(Activation::relu), symmetric), "conv1"), -1);  // conv -> Q -> relu -> Q
}

TEST(Placement, TensorRtQuantizesWhatEntersWeightedLayers) {
  PlacementOptions options;
  options.target = Target::tensorrt;
  const Placement placement = place(branched_graph(), options);
  const std::vector<int> group = group_of(placement);
  EXPECT_EQ(placement.graph.edge(placement.graph.inputs[0]).dtype, DType::f32);
  for (const auto& [edge, params] : placement.fixed) EXPECT_EQ(params.dtype, DType::i8);
  for (const graph::Node& node : placement.graph.nodes) {
    EXPECT_NE(node.op, Op::sigmoid);
    if (node.op != Op::conv && node.op != Op::linear) continue;
    EXPECT_NE(group[node.inputs[0]], -1) << node.name;
    EXPECT_EQ(group[node.outputs[0]], -1) << node.name;
  }
}

TEST(Placement, SymmetricIsTheTargetsOwnInteger) {
  const graph::QuantParams params{DType::i8, 8, {0.5f}, {0}, -1};
  EXPECT_EQ(for_target(params, Target::tensorrt), params);
  EXPECT_EQ(for_target(params, Target::onnxruntime), (graph::QuantParams{DType::u8, 8, {0.5f}, {128}, -1}));
  const graph::QuantParams asymmetric{DType::u8, 8, {0.5f}, {7}, -1};
  EXPECT_EQ(for_target(asymmetric, Target::onnxruntime), asymmetric);
}

TEST(Placement, ImageThroughAPoolKeepsItsRange) {
  GraphSketch s;
  const auto pooled = s.op("pool", Op::max_pool, {s.image()}, graph::PoolAttributes{{2, 2}, {2, 2}, {0, 0}});
  const auto a = s.conv("conv1", pooled, 3, 4);
  const auto g = s.op("flat", Op::flatten, {s.op("gap", Op::global_avg_pool, {a})});
  const Placement placement = place(s.done({s.linear("fc", g, 4, 2)}), {});
  EXPECT_EQ(placement.fixed.at(node_named(placement.graph, "conv1").inputs[0]).scale[0], 1.0f / 255);
}

TEST(Placement, NativeKeepsOutputsInFloat) {
  const auto placed = [](bool quantize_head, bool silu_tables = false) {
    PlacementOptions options;
    options.target = Target::native;
    options.quantize_head = quantize_head;
    options.silu_tables = silu_tables;
    return place(model("yolov5n", 64), options);
  };
  const Placement placement = placed(false);
  EXPECT_EQ(placement.float_layers, (std::vector<std::string>{"model.24.m.0", "model.24.m.1", "model.24.m.2"}));
  EXPECT_EQ(placement.weights.size(), 57u);
  for (const bool tables : {false, true}) {
    const Placement any = placed(true, tables);
    const std::vector<int> group = group_of(any);
    for (const graph::Node& node : any.graph.nodes) {
      EXPECT_NE(node.op, Op::sigmoid) << node.name << ": silu stays one operation";
      if (node.op != Op::silu) continue;
      EXPECT_EQ(group[node.inputs[0]] != -1, tables) << node.name << ": a table's index, or the convolution's own sum";
      EXPECT_NE(group[node.outputs[0]], -1) << node.name;
    }
  }
  const Placement whole = placed(true);
  EXPECT_TRUE(whole.float_layers.empty());
  for (const Placement* any : {&placement, &whole}) {
    for (const EdgeId edge : any->graph.outputs) EXPECT_EQ(group_of(*any)[edge], -1);
  }
}

// OpenVINO on x86: the native engine's edges; weights of 7 bits, so that sums of two products fit 16 bits, unless
// asked.
TEST(Placement, OpenVinoIsTheNativeOneWithNarrowerWeights) {
  for (const bool head : {false, true}) {
    PlacementOptions options;
    options.target = Target::native;
    options.quantize_head = head;
    const Placement native = place(model("yolov8n", 64), options);
    options.target = Target::openvino;
    const Placement placement = place(model("yolov8n", 64), options);
    EXPECT_EQ(placement.groups, native.groups);
    EXPECT_EQ(placement.fixed, native.fixed);
    EXPECT_EQ(placement.weights, native.weights);
    EXPECT_EQ(placement.weight_bits, std::vector<int>(placement.weights.size(), 7));
    EXPECT_EQ(native.weight_bits, std::vector<int>(native.weights.size(), 8));
  }
  PlacementOptions options;
  options.target = Target::openvino;
  options.bits_w = 4;
  EXPECT_EQ(place(branched_graph(), options).weight_bits, std::vector<int>(5, 4));
  options.layer_bits = {"*=w8"};
  EXPECT_EQ(place(branched_graph(), options).weight_bits, std::vector<int>(5, 8));
  // The largest sum of two products of bytes: 16 bits hold it, with 8-bit weights they would not.
  const graph::QuantParams seven{DType::i8, 7, {1.0f}, {0}, -1}, eight{DType::i8, 8, {1.0f}, {0}, -1};
  EXPECT_LE(2 * 255 * seven.q_max(), 32767);
  EXPECT_GT(2 * 255 * eight.q_max(), 32767);
}

TEST(Placement, BadRequests) {
  const auto kind_of = [](const PlacementOptions& options, const std::string& mentions) {
    try {
      place(branched_graph(), options);
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(mentions), std::string::npos) << error.what();
      return error.kind();
    }
    return ErrorKind::internal;
  };
  EXPECT_EQ(kind_of({Target::onnxruntime, {"conv9"}}, "did you mean 'conv"), ErrorKind::config);
  EXPECT_EQ(kind_of({Target::onnxruntime, {"conv1", "backbone."}}, "backbone."), ErrorKind::config);
  EXPECT_EQ(kind_of({.target = Target::onnxruntime, .float_layers = {}, .silu_tables = true}, "silu_tables"),
            ErrorKind::config);
  EXPECT_THROW(target_from("onnxruntim"), Error);
  EXPECT_EQ(target_from("tensorrt"), Target::tensorrt);
}

TEST(LayerPattern, Matches) {
  EXPECT_TRUE(name_matches("model.9.linear", "model.9.linear"));
  EXPECT_FALSE(name_matches("model.9", "model.9.linear"));
  EXPECT_TRUE(name_matches("model.9.", "model.9.linear"));
  EXPECT_FALSE(name_matches("model.9.", "model.90.linear"));
  EXPECT_TRUE(name_matches("*.cv1.*", "model.2.cv1.conv"));
  EXPECT_TRUE(name_matches("model.*conv", "model.2.m.0.cv1.conv"));
  EXPECT_FALSE(name_matches("model.*conv", "model.2.m.0.cv1.convx"));
  EXPECT_TRUE(name_matches("*", "x"));
  EXPECT_FALSE(name_matches("", "x"));
  EXPECT_FALSE(name_matches("*a*a*a*a*a*a*b", std::string(5000, 'a')));  // no exponential time
}

}  // namespace
}  // namespace quench::quant
