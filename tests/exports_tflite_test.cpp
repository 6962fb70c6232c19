// `export --to tflite`: what the file says, read by a few lines of our own, and, where LiteRT's own runtime is found,
// what it computes from it.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "core/file.h"
#include "core/process.h"
#include "error_testing.h"
#include "exports/flat_buffer.h"
#include "exports/tflite.h"
#include "graph_samples.h"
#include "reference_executor.h"

namespace quench::exports {
namespace {

namespace fs = std::filesystem;
using graph::Graph;

/// A place in a FlatBuffers file, read as https://flatbuffers.dev/internals has it.
struct At {
  const std::string& file;
  size_t place;

  template <typename T>
  T value(size_t offset = 0) const {
    T out;
    if (place + offset + sizeof out > file.size()) throw std::out_of_range("beyond the file");
    EXPECT_EQ((place + offset) % sizeof out, 0u) << "not aligned";
    std::memcpy(&out, file.data() + place + offset, sizeof out);
    return out;
  }
  At pointed(size_t offset = 0) const { return {file, place + offset + value<uint32_t>(offset)}; }
  /// Where a table's field stands; 0: it has none.
  size_t field(int slot) const {
    const At places{file, place - static_cast<size_t>(value<int32_t>())};
    const size_t offset = 4 + 2 * static_cast<size_t>(slot);
    return offset < places.value<uint16_t>() ? places.value<uint16_t>(offset) : 0;
  }
  At object(int slot) const { return pointed(field(slot)); }
  template <typename T>
  T number(int slot) const {
    return value<T>(field(slot));
  }
  uint32_t count() const { return value<uint32_t>(); }
  At item(size_t i) const { return pointed(4 + 4 * i); }
  template <typename T>
  std::vector<T> numbers() const {
    std::vector<T> out;
    for (size_t i = 0; i < count(); ++i) out.push_back(value<T>(4 + i * sizeof(T)));
    return out;
  }
  std::string text() const { return file.substr(place + 4, count()); }
};

TEST(FlatBuffer, WhatIsWrittenIsRead) {
  const auto child = FlatObject::table();
  child->set(1, int64_t{-5}).set(2, int8_t{7});
  const auto root = FlatObject::table();
  root->set(0, uint32_t{3}).set(2, FlatObject::text("name")).set(3, FlatObject::objects({child, child}));
  root->set(5, FlatObject::numbers(std::vector<int64_t>{1, -2}))
      .set(6, FlatObject::numbers(std::vector<int8_t>{9}, 16));
  const std::string file = write_flat_buffer(*root, "TEST");
  EXPECT_EQ(file.substr(4, 4), "TEST");
  const At at = At{file, 0}.pointed();
  EXPECT_EQ(at.number<uint32_t>(0), 3u);
  EXPECT_EQ(at.field(1), 0u);
  EXPECT_EQ(at.field(9), 0u);
  EXPECT_EQ(at.object(2).text(), "name");
  ASSERT_EQ(at.object(3).count(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(at.object(3).item(i).number<int64_t>(1), -5);
    EXPECT_EQ(at.object(3).item(i).number<int8_t>(2), 7);
  }
  EXPECT_EQ(at.object(5).numbers<int64_t>(), (std::vector<int64_t>{1, -2}));
  EXPECT_EQ((at.object(6).place + 4) % 16, 0u);
}

/// Every operation, of one step alone: what moves values can do so in integers.
Graph one_step_model() {
  Graph graph = graph::samples::quantized(graph::samples::every_op(), {.pixels = true});
  for (graph::Edge& edge : graph.edges) {
    if (edge.quant && edge.name != "images") edge.quant->scale = {0.1f}, edge.quant->zero_point = {85};
  }
  // Biases follow from what is read.
  for (const graph::Node& node : graph.nodes) {
    graph::Weight* bias = graph.weight(node, "bias");
    if (!bias) continue;
    const graph::Weight& weight = graph.required_weight(node, "weight");
    for (size_t i = 0; i < bias->quant->scale.size(); ++i) {
      bias->quant->scale[i] = weight.quant->scale[i] * graph.edge(node.inputs[0]).quant->scale[0];
    }
  }
  return graph;
}

TEST(Tflite, IntegersAndScalesAreTheModelsOwn) {
  const Graph graph = one_step_model();
  const std::string file = tflite_model(graph);
  EXPECT_EQ(file.substr(4, 4), "TFL3");
  const At model = At{file, 0}.pointed();
  EXPECT_EQ(model.number<uint32_t>(0), 3u);
  const At sub = model.object(2).item(0);
  const At tensors = sub.object(0);
  size_t seen = 0;
  for (size_t i = 0; i < tensors.count(); ++i) {
    const At tensor = tensors.item(i);
    const std::string name = tensor.object(3).text();
    if (name == "images") {
      EXPECT_EQ(tensor.object(0).numbers<int32_t>(), (std::vector<int32_t>{1, 16, 16, 3}));
      EXPECT_EQ(tensor.number<int8_t>(1), 3) << "uint8";
      ++seen;
    }
    if (name == "model.0.act/int8") {  // our integers less 128
      EXPECT_EQ(tensor.object(4).object(2).numbers<float>(), std::vector<float>{0.1f});
      EXPECT_EQ(tensor.object(4).object(3).numbers<int64_t>(), std::vector<int64_t>{85 - 128});
      ++seen;
    }
    if (name != "model.0.conv.weight") continue;
    const graph::Weight& weight = graph.weights.at(name);
    EXPECT_EQ(tensor.object(0).numbers<int32_t>(), (std::vector<int32_t>{8, 3, 3, 3}));
    EXPECT_EQ(tensor.object(4).object(2).numbers<float>(), weight.quant->scale);
    const auto bytes = model.object(4).item(tensor.number<uint32_t>(2)).object(0).numbers<int8_t>();
    const auto own = weight.value.values<int8_t>();
    ASSERT_EQ(bytes.size(), own.size());
    for (size_t o = 0; o < 8; ++o) {
      for (size_t c = 0; c < 3; ++c) {
        for (size_t k = 0; k < 9; ++k) ASSERT_EQ(bytes[(o * 9 + k) * 3 + c], own[(o * 3 + c) * 9 + k]);
      }
    }
    ++seen;
  }
  EXPECT_EQ(seen, 3u);
}

TEST(Tflite, WhatItDoesNotHaveIsNamed) {
  const auto expect_error = [](const Graph& graph, ErrorKind kind, const std::vector<std::string>& parts) {
    const auto [got, message] = error_of([&] { tflite_model(graph); });
    EXPECT_EQ(got, kind) << message;
    for (const std::string& part : parts) EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  const Graph plain = graph::samples::every_op();
  expect_error(graph::samples::quantized(plain, {.bits_a = 6, .pixels = true}), ErrorKind::unsupported, {"6 bits"});
  expect_error(graph::samples::quantized(plain, {.pixels = true, .dynamic = true}), ErrorKind::unsupported,
               {"dynamic"});
  expect_error(graph::samples::quantized(plain, {.integer = false}), ErrorKind::config, {"floats"});
  Graph zero = one_step_model();
  zero.weights.at("model.0.conv.weight").quant->zero_point[0] = 1;
  expect_error(zero, ErrorKind::unsupported, {"zero point", "model.0.conv"});
  Graph fused = one_step_model();
  for (const graph::Node& node : fused.nodes) {
    if (node.name == "model.0.act") fused.edge(node.inputs[0]).quant.reset();
  }
  expect_error(fused, ErrorKind::unsupported, {"model.0.conv", "--target onnxruntime"});
  Graph pool = graph::samples::every_op();
  for (graph::Node& node : pool.nodes) {
    if (node.op == graph::Op::max_pool) node.attributes = graph::PoolAttributes{{5, 3}, {1, 1}, {2, 0}};
  }
  for (graph::Edge& edge : pool.edges) {
    if (edge.name == "model.4") edge.shape[3] -= 2;
  }
  expect_error(pool, ErrorKind::unsupported, {"max pool", "model.4"});
}

/// What LiteRT gives for an image, in the order of the graph's outputs and in our layout; empty where Python has none.
std::vector<Tensor> run_litert(const Graph& graph, const Tensor& image) {
  const char* named = std::getenv("QUENCH_PYTHON");
  const std::string python = named ? named : "python3";
  const std::string import =
      "try:\n from ai_edge_litert.interpreter import Interpreter\nexcept ImportError:\n from "
      "tflite_runtime.interpreter import Interpreter\nimport numpy, sys\n";
  const fs::path folder = fs::temp_directory_path() / fmt::format("quench-tflite-{}", ::getpid());
  write_file(folder / "import.py", import);
  if (std::system((python + " " + (folder / "import.py").string() + " >/dev/null 2>&1").c_str()) != 0) return {};
  write_file(folder / "m.tflite", tflite_model(graph));
  write_file(folder / "x", {reinterpret_cast<const char*>(image.bytes()), image.size_bytes()});
  write_file(folder / "run.py",
             import +
                 "folder = sys.argv[1]\n"
                 "net = Interpreter(folder + '/m.tflite', num_threads=1)\n"
                 "net.allocate_tensors()\n"
                 "given = net.get_input_details()[0]\n"
                 "x = numpy.fromfile(folder + '/x', given['dtype']).reshape(1, 3, 16, 16).transpose(0, 2, 3, 1)\n"
                 "net.set_tensor(given['index'], numpy.ascontiguousarray(x))\n"
                 "net.invoke()\n"
                 "for i, out in enumerate(net.get_output_details()):\n"
                 "    y = net.get_tensor(out['index'])\n"
                 "    y = y.transpose(0, 3, 1, 2) if y.ndim == 4 else y\n"
                 "    numpy.ascontiguousarray(y).tofile(f'{folder}/y{i}')\n");
  const ProcessResult said = run_process({python, (folder / "run.py").string(), folder.string()});
  EXPECT_EQ(said.exit_code, 0) << said.error;
  std::vector<Tensor> outputs;
  for (size_t i = 0; i < graph.outputs.size(); ++i) {
    Tensor out(DType::f32, graph.edge(graph.outputs[i]).shape);
    const fs::path path = folder / ("y" + std::to_string(i));
    const std::string bytes = fs::exists(path) ? read_file(path) : "";
    EXPECT_EQ(bytes.size(), out.size_bytes());
    if (bytes.size() == out.size_bytes()) std::memcpy(out.mutable_bytes(), bytes.data(), bytes.size());
    outputs.push_back(out);
  }
  fs::remove_all(folder);
  return outputs;
}

TEST(Tflite, ItsOwnRuntimeComputesTheSameFloats) {
  const Graph graph = graph::samples::every_op();
  const std::vector<Tensor> image = graph::reference::random_inputs(graph, 1, 3);
  const std::vector<Tensor> got = run_litert(graph, image[0]);
  if (got.empty()) GTEST_SKIP() << "python3 (or $QUENCH_PYTHON) has no ai-edge-litert";
  const std::vector<Tensor> wanted = graph::reference::execute(graph, image);
  // Sums of float32 in another order: 1e-5 of values of some ten.
  for (size_t i = 0; i < wanted.size(); ++i) EXPECT_LT(graph::reference::largest_difference(got[i], wanted[i]), 1e-3);
}

TEST(Tflite, ItsOwnRuntimeComputesTheSameIntegers) {
  Graph graph = one_step_model();
  // Integers themselves come out: what each operation gives is an output, so that none can hide behind another.
  const std::vector<graph::EdgeId> own = graph.outputs;
  for (size_t i = 0; i < graph.edges.size(); ++i) {
    const auto id = static_cast<graph::EdgeId>(i);
    if (id != graph.inputs[0] && std::ranges::count(own, id) == 0) graph.outputs.push_back(id);
  }
  const std::vector<Tensor> image = graph::reference::random_inputs(graph, 1, 3);
  const std::vector<Tensor> got = run_litert(graph, image[0]);
  if (got.empty()) GTEST_SKIP() << "python3 (or $QUENCH_PYTHON) has no ai-edge-litert";
  const std::vector<Tensor> wanted = graph::reference::execute(graph, image);
  for (size_t i = own.size(); i < wanted.size(); ++i) {
    // Halves are rounded otherwise there, by one step, which later layers may make two.
    EXPECT_LT(graph::reference::largest_difference(got[i], wanted[i]), 2.5 * 0.1) << graph.edge(graph.outputs[i]).name;
  }
}

}  // namespace
}  // namespace quench::exports
