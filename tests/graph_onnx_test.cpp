#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <set>

#include "core/error.h"
#include "core/hash.h"
#include "error_testing.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"
#include "graph/passes.h"
#include "graph/shape_inference.h"
#include "graph/verify.h"
#include "graph_samples.h"
#include "quench_onnx.pb.h"

namespace quench::graph {
namespace {

quench_onnx::ModelProto parse(const std::string& bytes) {
  quench_onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromString(bytes));
  return model;
}

int count(const quench_onnx::ModelProto& model, const std::string& op_type) {
  int found = 0;
  for (const auto& node : model.graph().node()) found += node.op_type() == op_type;
  return found;
}

/// The message of the Error{data} that reading gives.
std::string read_error(const std::string& bytes) {
  try {
    read_onnx(bytes, "sample.onnx");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "expected an Error";
  return "";
}

TEST(Onnx, ReadIsTheInverseOfWrite) {
  for (const auto& [name, graph] : samples::all()) {
    ASSERT_NO_THROW(verify(graph)) << name;
    EXPECT_TRUE(read_onnx(write_onnx(graph), "sample") == graph) << name;
  }
}

TEST(Onnx, SamplesDiffer) {  // else the law above could hold for a reader that forgets
  const auto all = samples::all();
  for (size_t i = 0; i < all.size(); ++i) {
    for (size_t j = 0; j < i; ++j) EXPECT_FALSE(all[i].second == all[j].second) << all[i].first << all[j].first;
  }
}

TEST(Onnx, EqualGraphsGiveEqualBytes) {
  for (const auto& [name, graph] : samples::all()) {
    const std::string bytes = write_onnx(graph);
    EXPECT_EQ(bytes, write_onnx(graph)) << name;
    EXPECT_EQ(bytes, write_onnx(read_onnx(bytes, name))) << name;
  }
}

TEST(Onnx, FileIsWhatWasHashed) {
  const auto folder = std::filesystem::temp_directory_path() / "quench_graph_onnx_test";
  const Graph graph = samples::every_op();
  const std::string sha256 = save_onnx(graph, folder / "a.onnx");
  const ModelFile file = read_model(folder / "a.onnx");
  EXPECT_EQ(file.sha256, sha256);
  EXPECT_EQ(file.sha256, sha256_hex(file.bytes));
  EXPECT_TRUE(file.graph == graph);
  std::filesystem::remove_all(folder);
  EXPECT_THROW(read_model(folder / "a.onnx"), Error);
}

TEST(Onnx, EveryConsumerHasItsOwnDequantizeLinear) {
  const auto model = parse(write_onnx(samples::quantized(samples::every_op(), {})));
  std::map<std::string, int> made, read;
  for (const auto& node : model.graph().node()) {
    if (node.op_type() == "DequantizeLinear") ++made[node.output(0)];
    for (const std::string& input : node.input()) ++read[input];
  }
  EXPECT_GT(made.size(), 10u);
  for (const auto& [tensor, times] : made) {
    EXPECT_EQ(times, 1) << tensor;
    EXPECT_LE(read[tensor], 1) << tensor;
  }
}

TEST(Onnx, PixelsEnterWithoutQuantizeLinear) {
  const auto model = parse(write_onnx(samples::quantized(samples::every_op(), {.pixels = true})));
  EXPECT_EQ(model.graph().input(0).type().tensor_type().elem_type(), quench_onnx::TensorProto::UINT8);
  for (const auto& node : model.graph().node()) {
    EXPECT_FALSE(node.op_type() == "QuantizeLinear" && node.input(0) == "images");
  }
}

TEST(Onnx, ReducedRangesAreHeldByClipAndWholeOnesAreNot) {
  const Graph plain = samples::every_op();
  EXPECT_EQ(count(parse(write_onnx(samples::quantized(plain, {}))), "Clip"), 0);
  const auto reduced = parse(write_onnx(samples::quantized(plain, {.bits_a = 7})));
  EXPECT_EQ(count(reduced, "Clip"), count(reduced, "QuantizeLinear"));
  const samples::QuantizeOptions saturating{.integer = false, .weight_clip = 0.5};
  EXPECT_EQ(count(parse(write_onnx(samples::quantized(plain, saturating))), "Max"), 4);
  EXPECT_EQ(count(parse(write_onnx(samples::quantized(plain, {.integer = false}))), "Max"), 0);
}

/// What stands before each QuantizeLinear.
std::set<std::string> quantized_types(const quench_onnx::ModelProto& model) {
  std::map<std::string, std::string> maker;
  std::set<std::string> types;
  for (const auto& node : model.graph().node()) {
    for (const std::string& output : node.output()) maker[output] = node.op_type();
    if (node.op_type() == "QuantizeLinear") types.insert(maker[node.input(0)]);
  }
  return types;
}

// OpenVINO makes a pass of its own of a pair that changes nothing.
TEST(Onnx, ForOpenVinoNoPairStandsBehindWhatMovesValues) {
  samples::Builder b(1);
  const EdgeId images = b.input("images", {1, 3, 8, 8});
  const EdgeId x = b.conv("conv", images, 4, {});
  const auto parts = b.split("split", x, {2, 2});
  const EdgeId pool = b.node("pool", Op::max_pool, {parts[0]}, PoolAttributes{{3, 3}, {1, 1}, {1, 1}});
  const EdgeId cat = b.node("cat", Op::concat, {pool, parts[1], x});
  b.output(b.conv("last", b.node("up", Op::upsample, {cat}, UpsampleAttributes{2}), 2, {}));
  Graph graph = b.graph;
  infer_shapes(graph);
  for (Edge& edge : graph.edges) edge.quant = QuantParams{DType::u8, 8, {0.5f}, {3}, -1};
  const EdgeId last = graph.outputs[0];
  graph.edge(last).quant.reset();
  EXPECT_EQ(quantized_types(parse(write_onnx(graph))),
            (std::set<std::string>{"", "Conv", "Split", "MaxPool", "Concat", "Resize"}));
  graph.metadata["target"] = "openvino";
  EXPECT_EQ(quantized_types(parse(write_onnx(graph))), (std::set<std::string>{"", "Conv"}));
  EXPECT_EQ(read_onnx(write_onnx(graph), "test"), graph);

  // Where a pair changes something, or nobody said so, it stands.
  Graph other = graph;
  other.edge(pool).quant->zero_point[0] = 4;
  EXPECT_EQ(quantized_types(parse(write_onnx(other))), (std::set<std::string>{"", "Conv", "MaxPool", "Concat"}));
  EXPECT_EQ(read_onnx(write_onnx(other), "test"), other);
  other = graph;
  other.edge(cat).quant.reset();
  EXPECT_EQ(read_onnx(write_onnx(other), "test"), other);
  other = graph;
  other.edge(parts[1]).quant.reset();
  EXPECT_EQ(read_onnx(write_onnx(other), "test"), other);
  other = graph;
  other.outputs.push_back(cat);
  EXPECT_EQ(read_onnx(write_onnx(other), "test"), other);

  // A mark where it cannot hold.
  quench_onnx::ModelProto model = parse(write_onnx(graph));
  for (auto& node : *model.mutable_graph()->mutable_node()) {
    if (node.op_type() == "Conv") node.set_doc_string("quench carried");
  }
  const auto [kind, message] = error_of([&] { read_onnx(model.SerializeAsString(), "test"); });
  EXPECT_EQ(kind, ErrorKind::data);
  EXPECT_NE(message.find("moves values"), std::string::npos) << message;
}

TEST(Onnx, GraphOutputsKeepTheirNames) {
  const Graph graph = samples::quantized(samples::every_op(), {.outputs = true});
  const auto model = parse(write_onnx(graph));
  ASSERT_EQ(model.graph().output_size(), 2);
  EXPECT_EQ(model.graph().output(0).name(), "model.8.cv");
  EXPECT_EQ(model.graph().output(1).name(), "model.9.linear");
  EXPECT_EQ(model.graph().input(0).name(), "images");
}

TEST(Onnx, RefusesFilesOfOthers) {
  auto model = parse(write_onnx(samples::every_op()));
  EXPECT_NE(read_error("").find("sample.onnx"), std::string::npos);
  model.mutable_metadata_props()->Clear();
  model.set_producer_name("pytorch");
  const std::string message = read_error(model.SerializeAsString());
  EXPECT_NE(message.find("pytorch"), std::string::npos) << message;
  EXPECT_NE(message.find("quench_version"), std::string::npos) << message;
}

TEST(Onnx, RefusesWhatAGraphCannotHold) {
  const std::string good = write_onnx(samples::every_op());
  const auto error_after = [&](const std::function<void(quench_onnx::GraphProto&)>& edit) {
    auto model = parse(good);
    edit(*model.mutable_graph());
    return read_error(model.SerializeAsString());
  };
  const auto expect = [&](const std::string& words, const std::function<void(quench_onnx::GraphProto&)>& edit) {
    const std::string message = error_after(edit);
    EXPECT_NE(message.find(words), std::string::npos) << message;
  };
  expect("Einsum", [](auto& g) { g.mutable_node(0)->set_op_type("Einsum"); });
  expect("auto_pad", [](auto& g) { g.mutable_node(0)->mutable_attribute(0)->set_name("auto_pad"); });
  expect("used before", [](auto& g) { g.mutable_node(0)->set_input(0, "nowhere"); });
  expect("used before", [](auto& g) { g.mutable_node()->SwapElements(0, 5); });
  expect("again", [](auto& g) { g.mutable_node(1)->set_output(0, g.node(0).output(0)); });
  expect("weights of their own", [](auto& g) {  // a bias for two layers
    std::vector<int> layers;
    for (int i = 0; i < g.node_size(); ++i) {
      if ((g.node(i).op_type() == "Conv" || g.node(i).op_type() == "Gemm") && g.node(i).input_size() == 3) {
        layers.push_back(i);
      }
    }
    ASSERT_GE(layers.size(), 2u);
    g.mutable_node(layers[1])->set_input(2, g.node(layers[0]).input(2));
  });
  expect("raw data", [](auto& g) { g.mutable_initializer(0)->set_raw_data("xyz"); });
  expect("raw data", [](auto& g) { g.mutable_initializer(0)->set_dims(0, int64_t{1} << 40); });
  expect("fit memory", [](auto& g) { g.mutable_initializer(0)->set_dims(0, -1); });
  expect("external", [](auto& g) { g.mutable_initializer(0)->set_data_location(quench_onnx::TensorProto::EXTERNAL); });
  expect("ONNX type 10", [](auto& g) { g.mutable_initializer(0)->set_data_type(10); });
  expect("dimensions", [](auto& g) {
    g.mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(2)->set_dim_value(-4);
  });
  expect("made by nothing", [](auto& g) { g.mutable_output(0)->set_name("nowhere"); });
  expect("pads", [](auto& g) {
    for (auto& a : *g.mutable_node(0)->mutable_attribute()) {
      if (a.name() == "pads") a.set_ints(0, 7);
    }
  });
  expect("UTF-8", [](auto& g) { g.mutable_node(0)->set_name("\xff\xfe"); });
}

TEST(Onnx, WriterRefusesReservedMetadata) {
  Graph graph = samples::every_op();
  graph.metadata["quench_version"] = "0";
  EXPECT_THROW(write_onnx(graph), Error);
}

TEST(Onnx, NamesThatLookLikeTheWritersOwnDoNotCollide) {
  Graph graph = samples::quantized(samples::every_op(), {.bits_a = 7, .outputs = true});
  graph.edge(2).name = graph.edge(1).name + "/quantized";
  graph.edge(3).name = graph.edge(1).name + "/scale";
  graph.edge(4).name = "model.0.conv.weight/dequantized";
  graph.nodes[4].name = "images/quantize";
  EXPECT_TRUE(read_onnx(write_onnx(graph), "sample") == graph);
}

}  // namespace
}  // namespace quench::graph
