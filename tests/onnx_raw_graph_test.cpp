// Networks of other tools as Graphs: every form of an operator against ONNX Runtime on the file itself, and files that
// are damaged or hold what a Graph cannot.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "core/file.h"
#include "core/hash.h"
#include "core/rng.h"
#include "error_testing.h"
#include "graph/onnx_interface.h"
#include "graph/verify.h"
#include "onnx/raw_graph.h"
#include "onnx_files.h"
#include "reference_executor.h"
#include "runtime/registry.h"

namespace quench::onnx {
namespace {

namespace fs = std::filesystem;
using graph::Graph;
using graph::Op;
using quench_onnx::TensorProto;
using samples::File;
using samples::set_attribute;
using Whole = std::vector<int64_t>;

Tensor random(const Shape& shape, const std::string& name) {
  Tensor out(DType::f32, shape);
  Rng rng(3, name);
  for (float& value : out.mutable_values<float>()) value = static_cast<float>(rng.normal());
  return out;
}

RawGraph read(const File& file, int64_t side = 0) {
  return read_raw_graph(read_document(file.bytes(), {}), side, side);
}

/// The file in ONNX Runtime, and its Graph in plain loops, give the same on one image.
void expect_same(const File& file, const Graph& graph) {
  graph::verify(graph);
  const runtime::Registry all = runtime::base_registry();
  const runtime::Runtime& runtime = all.require("onnxruntime");
  if (!runtime.availability().available) return;
  const fs::path path = fs::path(testing::TempDir()) / "raw_graph.onnx";
  write_file(path, file.bytes());
  const graph::ModelFile model = graph::read_interface(path);
  const auto inputs = graph::reference::random_inputs(graph, 1, 5);
  const std::vector<Tensor> wanted = runtime.load(model, {})->run(inputs[0]);
  const std::vector<Tensor> got = graph::reference::execute(graph, inputs);
  ASSERT_EQ(got.size(), wanted.size());
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_LT(graph::reference::largest_difference(got[i], wanted[i]), 1e-4) << i;
  }
}

std::vector<Op> ops(const Graph& graph) {
  std::vector<Op> out;
  for (const graph::Node& node : graph.nodes) out.push_back(node.op);
  return out;
}

/// A convolution of x [1,3,8,8] to 4 channels.
std::string conv(File& file, const std::string& x, const std::string& y, bool bias = true) {
  std::vector<std::string> inputs{x, file.constant(y + "_w", random({4, 3, 3, 3}, y))};
  if (bias) inputs.push_back(file.constant(y + "_b", random({4}, y + "b")));
  set_attribute(file.node("Conv", inputs, {y}), "pads", Whole{1, 1, 1, 1});
  return y;
}

File with_input(int64_t opset = 13, const Shape& dims = {1, 3, 8, 8}) {
  File file(opset);
  file.input("pixels", dims);
  return file;
}

TEST(RawGraph, ActivationsAndArithmetic) {
  File file = with_input();
  file.node("Sub", {"pixels", file.floats({0.5f, 0.25f, 0.125f}, {1, 3, 1, 1})}, {"centred"});
  file.node("Div", {"centred", file.floats({2}, {})}, {"scaled"});
  conv(file, "scaled", "a", false);
  file.node("Add", {"a", file.floats({1, 2, 3, 4}, {4, 1, 1})}, {"shifted"});  // becomes a's bias
  file.node("Sigmoid", {"shifted"}, {"gate"});
  file.node("Mul", {"gate", "shifted"}, {"silu"});
  file.node("Relu", {"silu"}, {"relu"});
  file.node("Sigmoid", {"relu"}, {"open"});
  file.node("Mul", {"open", "silu"}, {"product"});  // no silu: of two values
  file.node("Sub", {file.floats({1}, {1}), "product"}, {"turned"});
  file.node("Identity", {"turned"}, {"same"});
  file.node("Add", {"same", "relu"}, {"sum"});
  file.output("sum");
  const Graph graph = read(file).graph;
  EXPECT_EQ(ops(graph), (std::vector<Op>{Op::conv, Op::conv, Op::conv, Op::silu, Op::relu, Op::sigmoid, Op::mul,
                                         Op::conv, Op::add}));
  expect_same(file, graph);
}

TEST(RawGraph, AShiftThatOthersReadPastIsALayerOfItsOwn) {
  File file = with_input();
  conv(file, "pixels", "a", false);
  file.node("Add", {"a", file.floats({1, 2, 3, 4}, {4, 1, 1})}, {"shifted"});
  file.node("Add", {"a", "shifted"}, {"sum"});
  file.output("sum");
  const Graph graph = read(file).graph;
  EXPECT_EQ(ops(graph), (std::vector<Op>{Op::conv, Op::conv, Op::add}));
  expect_same(file, graph);
}

TEST(RawGraph, PoolingSplittingEnlarging) {
  for (const int64_t opset : {11, 13}) {
    File file = with_input(opset);
    conv(file, "pixels", "a");
    auto& split = opset < 13 ? file.node("Split", {"a"}, {"s0", "s1"})
                             : file.node("Split", {"a", file.whole({1, 3})}, {"s0", "s1"});
    set_attribute(split, "axis", int64_t{1});
    if (opset < 13) set_attribute(split, "split", Whole{1, 3});
    auto& pool = file.node("MaxPool", {"s1"}, {"pooled"});
    set_attribute(pool, "kernel_shape", Whole{2, 2});
    set_attribute(pool, "strides", Whole{2, 2});
    set_attribute(pool, "ceil_mode", int64_t{1});  // nothing is left over
    auto& resize = file.node("Resize", {"pooled", file.floats({}, {0}), file.floats({1, 1, 2, 2}, {4})}, {"large"});
    set_attribute(resize, "mode", std::string_view("nearest"));
    auto& same = file.node("MaxPool", {"large"}, {"level"});
    set_attribute(same, "kernel_shape", Whole{3, 3});
    set_attribute(same, "auto_pad", std::string_view("SAME_UPPER"));
    set_attribute(file.node("Concat", {"s0", "level"}, {"joined"}), "axis", int64_t{-3});
    file.output("joined");
    const Graph graph = read(file).graph;
    EXPECT_EQ(graph.nodes.size(), 6u);
    expect_same(file, graph);
  }
}

TEST(RawGraph, SlicesOfChannelsAreOneSplit) {
  File file = with_input();
  conv(file, "pixels", "a");
  const auto slice = [&](int64_t begin, int64_t end, const std::string& to) {
    file.node("Slice", {"a", file.whole({begin}), file.whole({end}), file.whole({1})}, {to});
  };
  slice(2, 100, "behind");
  slice(0, -2, "before");
  set_attribute(file.node("Concat", {"behind", "before"}, {"turned"}), "axis", int64_t{1});
  file.output("turned");
  const Graph graph = read(file).graph;
  EXPECT_EQ(ops(graph), (std::vector<Op>{Op::conv, Op::split, Op::concat}));
  expect_same(file, graph);
  slice(1, 3, "across");  // cuts both: splits of their own
  file.node("Add", {"across", "before"}, {"sum"});
  file.output("sum");
  const Graph crossed = read(file).graph;
  EXPECT_EQ(std::ranges::count(ops(crossed), Op::split), 3);
  expect_same(file, crossed);
}

TEST(RawGraph, LinearLayersInEveryForm) {
  File file = with_input();
  conv(file, "pixels", "a");
  file.node("ReduceMean", {"a"}, {"means"});
  set_attribute(*file.model.mutable_graph()->mutable_node(1), "axes", Whole{-1, 2});
  set_attribute(*file.model.mutable_graph()->mutable_node(1), "keepdims", int64_t{0});
  auto& gemm = file.node(
      "Gemm", {"means", file.constant("w0", random({4, 5}, "w0")), file.floats({1, 2, 3, 4, 5}, {5})}, {"first"});
  set_attribute(gemm, "alpha", 0.5f);
  set_attribute(gemm, "beta", 2.0f);
  file.node("Relu", {"first"}, {"active"});
  file.node("MatMul", {"active", file.constant("w1", random({5, 6}, "w1"))}, {"product"});
  file.node("Add", {file.floats({6, 5, 4, 3, 2, 1}, {6}), "product"}, {"second"});
  file.output("second");
  const Graph graph = read(file).graph;
  EXPECT_EQ(ops(graph),
            (std::vector<Op>{Op::conv, Op::global_avg_pool, Op::flatten, Op::linear, Op::relu, Op::linear}));
  expect_same(file, graph);
}

TEST(RawGraph, FlattenedMapsAreReadByAConvolution) {
  File file = with_input();
  conv(file, "pixels", "a");
  file.node("Flatten", {"a"}, {"flat"});
  auto& gemm = file.node("Gemm", {"flat", file.constant("w", random({7, 256}, "w"))}, {"scores"});
  set_attribute(gemm, "transB", int64_t{1});
  file.output("scores");
  const Graph graph = read(file).graph;
  EXPECT_EQ(ops(graph), (std::vector<Op>{Op::conv, Op::conv, Op::flatten}));
  expect_same(file, graph);
}

// What exporters leave where they were not told to simplify: the shape [N, channels] computed from the shape.
TEST(RawGraph, ShapeArithmeticIsComputed) {
  for (const int64_t batch : {int64_t{-1}, int64_t{1}, int64_t{3}}) {
    File file = with_input(13, {batch, 3, 8, 8});
    conv(file, "pixels", "a");
    file.node("GlobalAveragePool", {"a"}, {"means"});
    file.node("Shape", {"means"}, {"shape"});
    file.node("Gather", {"shape", file.scalar(0)}, {"images"});
    file.node("Unsqueeze", {"images", file.whole({0})}, {"first"});
    auto& minus = file.node("Constant", {}, {"minus"});
    set_attribute(minus, "value_ints", Whole{-1});
    set_attribute(file.node("Concat", {"first", "minus"}, {"wanted"}), "axis", int64_t{0});
    file.node("Reshape", {"means", "wanted"}, {"flat"});
    file.output("flat");
    const RawGraph raw = read(file);
    EXPECT_EQ(raw.batch, std::max<int64_t>(batch, 1));
    EXPECT_EQ(ops(raw.graph), (std::vector<Op>{Op::conv, Op::global_avg_pool, Op::flatten}));
    if (batch < 3) expect_same(file, raw.graph);
  }
}

TEST(RawGraph, NodesMayStandInAnyOrder) {
  File file = with_input();
  conv(file, "pixels", "a");
  file.node("Relu", {"a"}, {"b"});
  file.output("b");
  auto& nodes = *file.model.mutable_graph()->mutable_node();
  nodes.SwapElements(0, 1);
  EXPECT_EQ(ops(read(file).graph), (std::vector<Op>{Op::conv, Op::relu}));
}

TEST(RawGraph, HalfPrecisionBecomesFloat) {
  File file(13);
  file.input("pixels", {1, 3, 8, 8}, TensorProto::FLOAT16);
  auto& weight = *file.model.mutable_graph()->add_initializer();
  weight.set_name("w");
  weight.set_data_type(TensorProto::FLOAT16);
  for (const int64_t dim : {1, 3, 1, 1}) weight.add_dims(dim);
  for (const int bits : {0x3C00, 0xC000, 0x3800}) weight.add_int32_data(bits);  // 1, -2, 0.5
  file.node("Conv", {"pixels", "w"}, {"y"});
  file.output("y");
  const Document document = read_document(file.bytes(), {});
  EXPECT_TRUE(document.reduced);
  const RawGraph raw = read_raw_graph(document, 0, 0);
  const auto values = raw.graph.required_weight(raw.graph.nodes.at(0), "weight").value.values<float>();
  EXPECT_EQ((std::vector<float>{values.begin(), values.end()}), (std::vector<float>{1, -2, 0.5f}));
}

TEST(RawGraph, WeightsMayLieInAFileBeside) {
  const fs::path folder = fs::path(testing::TempDir()) / "external";
  fs::create_directories(folder);
  const std::vector<float> values{9, 1, -2, 0.5f};
  write_file(folder / "w.bin", {reinterpret_cast<const char*>(values.data()), 16});
  const auto make = [](const std::string& location, const std::string& offset) {
    File file = with_input();
    auto& weight = *file.model.mutable_graph()->add_initializer();
    weight.set_name("w");
    weight.set_data_type(TensorProto::FLOAT);
    for (const int64_t dim : {1, 3, 1, 1}) weight.add_dims(dim);
    weight.set_data_location(TensorProto::EXTERNAL);
    for (const auto& [key, value] : {std::pair<std::string, std::string>{"location", location}, {"offset", offset}}) {
      auto& entry = *weight.add_external_data();
      entry.set_key(key);
      entry.set_value(value);
    }
    file.node("Conv", {"pixels", "w"}, {"y"});
    file.output("y");
    return file.bytes();
  };
  EXPECT_TRUE(has_external_data(make("w.bin", "4")));
  const Document document = read_document(make("w.bin", "4"), folder);
  EXPECT_EQ(document.constants.at("w").values<float>()[2], 0.5f);
  const std::pair<std::string, std::string> bad[] = {
      {"w.bin", "8"}, {"none.bin", "0"}, {"../external/w.bin", "4"}, {"/etc/passwd", "0"}, {"", "0"}, {"w.bin", "-1"}};
  for (const auto& [location, offset] : bad) {
    EXPECT_EQ(error_of([&] { read_document(make(location, offset), folder); }).first, ErrorKind::data) << location;
  }
  EXPECT_NE(error_of([&] { read_document(make("none.bin", "0"), folder); }).second.find("none.bin"), std::string::npos);
  EXPECT_EQ(error_of([&] { read_document(make("w.bin", "4"), {}); }).first, ErrorKind::data) << "no folder is known";
}

TEST(RawGraph, OperatorsThatAreNotHeldAreCounted) {
  File file = with_input();
  conv(file, "pixels", "a");
  file.node("HardSwish", {"a"}, {"b"});
  file.node("HardSwish", {"b"}, {"c"});
  conv(file, "pixels", "d");
  set_attribute(file.node("AveragePool", {"d"}, {"e"}), "kernel_shape", Whole{2, 2});
  file.node("Shape", {"c"}, {"shape"});
  file.node("Gather", {"shape", file.scalar(0)}, {"images"});
  file.node("Unsqueeze", {"images", file.whole({0})}, {"first"});
  set_attribute(file.node("Concat", {"first", file.whole({-1})}, {"wanted"}), "axis", int64_t{0});
  file.node("Reshape", {"c", "wanted"}, {"flat"});
  file.output("flat");
  file.output("e");
  const RawGraph raw = read(file);
  EXPECT_EQ(raw.unheld, (std::map<std::string, int64_t>{{"AveragePool", 1}, {"HardSwish", 2}}))
      << "shapes and what follows would be held";
  EXPECT_EQ(unheld_text(raw),
            "AveragePool x1, HardSwish x2 (AveragePool: means over 2 x 2 pixels rather than whole maps)");
  EXPECT_EQ(raw.graph.outputs.size(), 2u) << "what is read by operators that are not held";
}

TEST(RawGraph, FormsThatAreNotHeldSayWhich) {
  const auto reason = [](const std::function<void(File&)>& make) {
    File file = with_input();
    make(file);
    file.output("y");
    const RawGraph raw = read(file);
    EXPECT_EQ(raw.unheld.size(), 1u);
    return raw.first_reason;
  };
  EXPECT_NE(reason([](File& file) {
              conv(file, "pixels", "y");
              auto& pads = *file.model.mutable_graph()->mutable_node(0)->mutable_attribute(0);
              pads.set_ints(0, 0);
            }).find("differ at both ends"),
            std::string::npos);
  EXPECT_NE(reason([](File& file) {
              set_attribute(file.node("Concat", {"pixels", "pixels"}, {"y"}), "axis", int64_t{2});
            }).find("axis 2"),
            std::string::npos);
  EXPECT_NE(reason([](File& file) {
              auto& resize = file.node("Resize", {"pixels", "", file.floats({1, 1, 2, 2}, {4})}, {"y"});
              set_attribute(resize, "mode", std::string_view("linear"));
            }).find("mode linear"),
            std::string::npos);
  EXPECT_NE(reason([](File& file) {
              file.node("Mul", {"pixels", file.constant("c", random({1, 1, 8, 8}, "c"))}, {"y"});
            }).find("a constant [1,1,8,8]"),
            std::string::npos);
  EXPECT_NE(reason([](File& file) {
              file.node("Conv", {"pixels", file.constant("w", random({4, 2, 3, 3}, "w"))}, {"y"});
            }).find("Conv"),
            std::string::npos)
      << "weights that do not fit";
}

TEST(RawGraph, InputsThatAreNoImagesAreRefused) {
  const auto refused = [](const Shape& dims, int32_t type = TensorProto::FLOAT) {
    File file(13);
    file.input("pixels", dims, type);
    file.node("Relu", {"pixels"}, {"y"});
    file.output("y");
    return error_of([&] { read(file); });
  };
  EXPECT_EQ(refused({1, 3, 0, 8}).first, ErrorKind::data);
  EXPECT_EQ(refused({1, 8, 8, 3}).first, ErrorKind::unsupported);
  EXPECT_EQ(refused({1, 3}).first, ErrorKind::unsupported);
  EXPECT_EQ(refused({1, 3, 8, 8}, TensorProto::UINT8).first, ErrorKind::unsupported);
  const auto open = refused({-1, 3, -1, -1});
  EXPECT_EQ(open.first, ErrorKind::config);
  EXPECT_NE(open.second.find("--imgsz"), std::string::npos);
  File two = with_input();
  two.input("more", {1, 3, 8, 8});
  two.node("Add", {"pixels", "more"}, {"y"});
  two.output("y");
  EXPECT_NE(error_of([&] { read(two); }).second.find("expected one input"), std::string::npos);
}

TEST(RawGraph, DamagedFilesAreErrors) {
  File file = with_input();
  conv(file, "pixels", "a");
  file.node("Relu", {"a"}, {"b"});
  file.output("b");
  const std::string whole = file.bytes();
  for (size_t length = 0; length < whole.size(); length += 1 + length / 16) {
    try {
      read_raw_graph(read_document(whole.substr(0, length), {}), 8, 8);
    } catch (const Error& error) {
      EXPECT_NE(error.kind(), ErrorKind::internal) << error.what();
    }
  }
  File circle = with_input();
  circle.node("Add", {"pixels", "c"}, {"b"});
  circle.node("Relu", {"b"}, {"c"});
  circle.output("c");
  EXPECT_NE(error_of([&] { read(circle); }).second.find("circle"), std::string::npos);
  File nothing = with_input();
  nothing.node("Add", {"pixels", "nowhere"}, {"y"});
  nothing.output("y");
  EXPECT_NE(error_of([&] { read(nothing); }).second.find("'nowhere'"), std::string::npos);
  File twice = with_input();
  twice.node("Relu", {"pixels"}, {"y"});
  twice.node("Sigmoid", {"pixels"}, {"y"});
  twice.output("y");
  EXPECT_EQ(error_of([&] { read(twice); }).first, ErrorKind::data);
  File quantized = with_input();
  quantized.node("QuantizeLinear", {"pixels", file.floats({1}, {})}, {"y"});
  quantized.output("y");
  EXPECT_EQ(error_of([&] { read(quantized); }).first, ErrorKind::unsupported);
  EXPECT_EQ(origin_of(quantized.bytes()), Origin::other_quantized);
  EXPECT_EQ(origin_of(whole), Origin::other);
  EXPECT_EQ(origin_of("no ONNX"), Origin::no_onnx);
  File old = with_input(6);
  old.node("Relu", {"pixels"}, {"y"});
  old.output("y");
  EXPECT_NE(error_of([&] { read(old); }).second.find("opset 7"), std::string::npos);
}

// Bytes changed at seeded places: an error or a Graph, never a crash.
TEST(RawGraph, ChangedBytesAreAnErrorOrAGraph) {
  File file = with_input();
  conv(file, "pixels", "a");
  file.node("GlobalAveragePool", {"a"}, {"means"});
  file.node("Shape", {"means"}, {"shape"});
  file.node("Slice", {"shape", file.whole({0}), file.whole({1})}, {"first"});
  set_attribute(file.node("Concat", {"first", file.whole({-1})}, {"wanted"}), "axis", int64_t{0});
  file.node("Reshape", {"means", "wanted"}, {"flat"});
  file.output("flat");
  const std::string whole = file.bytes();
  Rng rng(1, "changed bytes");
  int graphs = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string changed = whole;
    for (int k = 0; k <= i % 3; ++k) changed[rng.next() % changed.size()] = static_cast<char>(rng.next());
    try {
      const RawGraph raw = read_raw_graph(read_document(changed, {}), 8, 8);
      if (raw.unheld.empty() && !raw.graph.outputs.empty()) graph::verify(raw.graph);
      ++graphs;
    } catch (const Error& error) {
      EXPECT_NE(error.kind(), ErrorKind::internal) << error.what();
    }
  }
  EXPECT_GT(graphs, 100);
}

}  // namespace
}  // namespace quench::onnx
