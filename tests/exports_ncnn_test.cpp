// `export --to ncnn`: the text of the layers, the bytes of the weights, and, where NCNN's own runtime is found, what it
// computes from them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>
#include <sstream>

#include "core/file.h"
#include "core/process.h"
#include "error_testing.h"
#include "exports/ncnn.h"
#include "graph/op_traits.h"
#include "graph/passes.h"
#include "graph_samples.h"
#include "reference_executor.h"
#include "runtime/native/native.h"

namespace quench::exports {
namespace {

namespace fs = std::filesystem;
using graph::Graph;

/// Quantized as NCNN has it: int8 around 0 enters layers, all else is floats. every_op's grouped convolution is none
/// that NCNN has in integers: it stays in float.
Graph int8_model() {
  const Graph all = graph::samples::quantized(graph::samples::every_op(), {.symmetric = true});
  Graph graph = graph::fold_batch_norms(graph::samples::every_op());
  for (const graph::Node& node : graph.nodes) {
    if (!graph::traits(node.op).layer || node.name == "model.1.conv") continue;
    for (const char* role : {"weight", "bias"}) {
      if (const graph::Weight* weight = all.weight(node, role)) *graph.weight(node, role) = *weight;
    }
    graph.edge(node.inputs[0]).quant = all.edge(node.inputs[0]).quant;
  }
  return graph;
}

struct Layer {
  std::string type, name;
  std::vector<std::string> inputs, outputs;
  std::string parameters;
};

std::vector<Layer> layers_of(const NcnnModel& model) {
  std::istringstream text(model.param);
  int magic = 0, layers = 0, blobs = 0;
  text >> magic >> layers >> blobs;
  EXPECT_EQ(magic, 7767517);
  std::vector<Layer> out;
  std::set<std::string> made;
  for (int i = 0; i < layers; ++i) {
    Layer layer;
    int inputs = 0, outputs = 0;
    text >> layer.type >> layer.name >> inputs >> outputs;
    layer.inputs.resize(static_cast<size_t>(inputs));
    layer.outputs.resize(static_cast<size_t>(outputs));
    for (std::string& name : layer.inputs) text >> name;
    for (std::string& name : layer.outputs) text >> name;
    std::getline(text, layer.parameters);
    made.insert(layer.outputs.begin(), layer.outputs.end());
    out.push_back(layer);
  }
  EXPECT_EQ(static_cast<int>(made.size()), blobs);
  std::string rest;
  EXPECT_FALSE(text >> rest);
  return out;
}

TEST(Ncnn, EveryBlobIsMadeBeforeItIsReadAndReadOnce) {
  for (const Graph& graph : {graph::samples::every_op(), int8_model()}) {
    std::set<std::string> open;
    for (const Layer& layer : layers_of(ncnn_model(graph))) {
      for (const std::string& name : layer.inputs) EXPECT_EQ(open.erase(name), 1u) << layer.name << " reads " << name;
      for (const std::string& name : layer.outputs) EXPECT_TRUE(open.insert(name).second) << name;
    }
    EXPECT_EQ(open.size(), graph.outputs.size() + 1) << "and a part of a split that nobody reads";
    for (const graph::EdgeId id : graph.outputs) EXPECT_TRUE(open.contains(graph.edge(id).name));
  }
}

TEST(Ncnn, IntegersAndScalesAreTheModelsOwn) {
  const Graph graph = int8_model();
  const NcnnModel model = ncnn_model(graph);
  const Layer first = layers_of(model).at(1);
  ASSERT_EQ(first.name, "model.0.conv");
  EXPECT_EQ(first.type, "Convolution");
  EXPECT_EQ(first.parameters, " 0=8 1=3 11=3 2=1 12=1 3=2 13=2 4=1 14=1 5=1 6=216 8=1");
  const graph::Weight& weight = graph.weights.at("model.0.conv.weight");
  const char* at = model.bin.data();
  uint32_t tag = 0;
  std::memcpy(&tag, at, 4);
  EXPECT_EQ(tag, 0x000D4B38u);
  EXPECT_EQ(std::memcmp(at + 4, weight.value.bytes(), 216), 0);
  std::vector<float> floats(8 + 8 + 1);  // bias, scales of weights, scale of what is read
  std::memcpy(floats.data(), at + 4 + 216, floats.size() * 4);
  const graph::Weight& bias = graph.weights.at("model.0.conv.bias");
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_FLOAT_EQ(floats[i], static_cast<float>(bias.value.values<int32_t>()[i]) * bias.quant->scale[i]);
    EXPECT_FLOAT_EQ(floats[8 + i], 1 / weight.quant->scale[i]);
  }
  EXPECT_FLOAT_EQ(floats[16], 1 / graph.edge(graph.inputs[0]).quant->scale[0]);
}

TEST(Ncnn, NamesAreWords) {
  Graph graph = graph::samples::every_op();
  graph.edge(graph.inputs[0]).name = "my image\n";
  const std::vector<Layer> layers = layers_of(ncnn_model(graph));
  EXPECT_EQ(layers[0].outputs[0], "my_image_");
}

TEST(Ncnn, WhatItDoesNotHaveIsNamed) {
  const auto expect_error = [](const Graph& graph, ErrorKind kind, std::vector<std::string> parts) {
    const auto [got, message] = error_of([&] { ncnn_model(graph); });
    EXPECT_EQ(got, kind) << message;
    for (const std::string& part : parts) EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  const Graph plain = graph::samples::every_op();
  expect_error(graph::samples::quantized(plain, {.pixels = true}), ErrorKind::unsupported,
               {"uint8", "--target tensorrt"});
  expect_error(graph::samples::quantized(plain, {.bits_a = 6, .symmetric = true}), ErrorKind::unsupported, {"6 bits"});
  expect_error(graph::samples::quantized(plain, {.symmetric = true}), ErrorKind::unsupported,
               {"model.1.conv", "groups", "--float-layers"});
  expect_error(graph::samples::quantized(plain, {.symmetric = true, .integer = false}), ErrorKind::config, {"floats"});
  Graph zero = int8_model();
  zero.weights.at("model.0.conv.weight").quant->zero_point[0] = 1;
  expect_error(zero, ErrorKind::unsupported, {"zero point", "model.0.conv"});
}

/// What NCNN gives for an image, in the order of the graph's outputs; empty where Python has no ncnn.
std::vector<Tensor> run_ncnn(const Graph& graph, const Tensor& image) {
  const char* named = std::getenv("QUENCH_PYTHON");
  const std::string python = named ? named : "python3";
  if (std::system((python + " -c 'import ncnn, numpy' >/dev/null 2>&1").c_str()) != 0) return {};
  const fs::path folder = fs::temp_directory_path() / fmt::format("quench-ncnn-{}", ::getpid());
  const NcnnModel model = ncnn_model(graph);
  write_file(folder / "m.param", model.param);
  write_file(folder / "m.bin", model.bin);
  write_file(folder / "x", {reinterpret_cast<const char*>(image.bytes()), image.size_bytes()});
  write_file(folder / "run.py",
             "import ncnn, numpy, sys\n"
             "folder, *names = sys.argv[1:]\n"
             "net = ncnn.Net()\n"
             "for name in ('fp16_packed', 'fp16_storage', 'fp16_arithmetic', 'bf16_storage', 'bf16_packed'):\n"
             "    if hasattr(net.opt, 'use_' + name): setattr(net.opt, 'use_' + name, False)\n"
             "assert net.load_param(folder + '/m.param') == 0 and net.load_model(folder + '/m.bin') == 0\n"
             "x = numpy.fromfile(folder + '/x', numpy.float32).reshape(3, 16, 16)\n"
             "for i, name in enumerate(names):\n"
             "    run = net.create_extractor()\n"
             "    run.input('images', ncnn.Mat(x).clone())\n"
             "    numpy.array(run.extract(name)[1], numpy.float32).tofile(f'{folder}/y{i}')\n");
  std::vector<std::string> call{python, (folder / "run.py").string(), folder.string()};
  for (const graph::EdgeId id : graph.outputs) call.push_back(graph.edge(id).name);
  const ProcessResult said = run_process(call);
  EXPECT_EQ(said.exit_code, 0) << said.error;
  std::vector<Tensor> outputs;
  for (size_t i = 0; i < graph.outputs.size(); ++i) {
    Tensor out(DType::f32, graph.edge(graph.outputs[i]).shape);
    const std::string bytes = read_file(folder / ("y" + std::to_string(i)));
    EXPECT_EQ(bytes.size(), out.size_bytes());
    if (bytes.size() == out.size_bytes()) std::memcpy(out.mutable_bytes(), bytes.data(), bytes.size());
    outputs.push_back(out);
  }
  fs::remove_all(folder);
  return outputs;
}

TEST(Ncnn, ItsOwnRuntimeComputesTheSameFloats) {
  const Graph graph = graph::samples::every_op();
  const std::vector<Tensor> image = graph::reference::random_inputs(graph, 1, 3);
  const std::vector<Tensor> got = run_ncnn(graph, image[0]);
  if (got.empty()) GTEST_SKIP() << "python3 (or $QUENCH_PYTHON) has no ncnn";
  const std::vector<Tensor> wanted = graph::reference::execute(graph, image);
  // Sums of float32 in another order: 1e-5 of values of some ten.
  for (size_t i = 0; i < wanted.size(); ++i) EXPECT_LT(graph::reference::largest_difference(got[i], wanted[i]), 1e-3);
}

TEST(Ncnn, ItsOwnRuntimeComputesTheSameIntegers) {
  const Graph graph = int8_model();
  const std::vector<Tensor> image = graph::reference::random_inputs(graph, 1, 3);
  const std::vector<Tensor> got = run_ncnn(graph, image[0]);
  if (got.empty()) GTEST_SKIP() << "python3 (or $QUENCH_PYTHON) has no ncnn";
  const std::vector<Tensor> wanted = graph::reference::execute(graph, image);
  for (size_t i = 0; i < wanted.size(); ++i) {
    // In steps of what the last layer reads times its weights: one integer of its input that is rounded apart is at
    // most 127 of them. Values range over some thousands.
    const std::string layer = i == 0 ? "model.8.cv" : "model.9.linear";
    const graph::Weight& weight = graph.weights.at(layer + ".weight");
    float step = 0;
    for (const float scale : weight.quant->scale) step = std::max(step, scale);
    float read = 0;
    for (const graph::Node& node : graph.nodes) {
      if (node.name == layer) read = graph.edge(node.inputs[0]).quant->scale[0];
    }
    EXPECT_LT(graph::reference::largest_difference(got[i], wanted[i]), 2 * 127 * step * read) << layer;
  }
}

}  // namespace
}  // namespace quench::exports
