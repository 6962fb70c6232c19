// ONNX of other tools: YOLOs are found by their wiring, whatever they are called, and what stands behind their outputs
// is compared with our decoding. The files are made here, from Graphs with other names.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "core/rng.h"
#include "error_testing.h"
#include "graph/onnx_read.h"
#include "graph/passes.h"
#include "models/detect_head.h"
#include "models/preparation.h"
#include "models/spec.h"
#include "models/yolov5u.h"
#include "onnx_files.h"
#include "weights/onnx_import.h"
#include "weights/onnx_names.h"

namespace quench::weights {
namespace {

using graph::Graph;
using onnx::samples::File;
using onnx::samples::renamed;
using onnx::samples::set_attribute;
using Whole = std::vector<int64_t>;

models::BuildOptions small(int classes) {
  models::BuildOptions options;
  for (int i = 0; i < classes; ++i) options.classes.push_back(std::to_string(i));
  options.imgsz = 64;
  options.seed = 7;
  return options;
}

Graph import(const File& file, const ImportOptions& options = {}) {
  return import_onnx(file.bytes(), {}, options, "x.onnx");
}

/// The Graph without what an import adds.
Graph plain(Graph graph) {
  for (const char* key : {"source", "import_notes"}) graph.metadata.erase(key);
  return graph;
}

std::string note(const Graph& graph) {
  const auto found = graph.metadata.find("import_notes");
  return found == graph.metadata.end() ? std::string() : found->second;
}

/// Statistics that do not fold into nothing.
Graph trained(Graph graph) {
  Rng rng(5, "statistics");
  for (auto& [name, weight] : graph.weights) {
    if (!name.ends_with("running_mean") && !name.ends_with("bias")) continue;
    for (float& value : weight.value.mutable_values<float>()) value = static_cast<float>(0.1 * rng.normal());
  }
  return graph;
}

// The law: what was written comes back, every weight in its place.
TEST(OnnxImport, FindsEveryFamilyByItsWiring) {
  for (const char* name :
       {"yolov5n-cls", "yolov8n-cls", "yolov5n", "yolov8n", "yolov8:d0.67w0.3", "yolov5-cls:d1w0.2"}) {
    for (const bool folded : {false, true}) {
      SCOPED_TRACE(fmt::format("{} folded {}", name, folded));
      Graph wanted = trained(models::build(name, small(3)));
      if (folded) wanted = graph::fold_batch_norms(wanted);
      const Graph got = import(renamed(wanted));
      EXPECT_EQ(got.metadata.at("model"), name);
      EXPECT_TRUE(plain(got) == wanted);
    }
  }
}

TEST(OnnxImport, FindsYoloV5U) {
  const Graph wanted = models::build(models::yolov5u(models::spec("yolov5n")), small(64));  // as many classes as bins
  const Graph got = import(renamed(wanted));
  EXPECT_EQ(got.metadata.at("model"), "yolov5nu");
  EXPECT_TRUE(plain(got) == wanted);
}

TEST(OnnxImport, TheOrderOfNodesAndOfSummandsDoesNotMatter) {
  const Graph wanted = graph::fold_batch_norms(models::build("yolov5n", small(2)));
  File file = renamed(wanted);
  auto& nodes = *file.model.mutable_graph()->mutable_node();
  std::reverse(nodes.begin(), nodes.end());
  for (auto& node : nodes) {
    if (node.op_type() == "Add" || node.op_type() == "Mul") node.mutable_input()->SwapElements(0, 1);
  }
  EXPECT_TRUE(plain(import(file)) == wanted);
}

TEST(OnnxImport, AnOlderOpsetHasSizesAsAttributes) {
  const Graph wanted = graph::fold_batch_norms(models::build("yolov8n-cls", small(2)));
  File file = renamed(wanted);
  file.model.mutable_opset_import(0)->set_version(11);
  for (auto& node : *file.model.mutable_graph()->mutable_node()) {
    if (node.op_type() != "Split") continue;
    for (const auto& tensor : file.model.graph().initializer()) {
      if (tensor.name() != node.input(1)) continue;
      Whole sizes(static_cast<size_t>(tensor.dims(0)));
      std::memcpy(sizes.data(), tensor.raw_data().data(), tensor.raw_data().size());
      set_attribute(node, "split", sizes);
    }
    node.mutable_input()->RemoveLast();
  }
  EXPECT_TRUE(plain(import(file)) == wanted);
}

TEST(OnnxImport, ASoftmaxBehindAClassifierIsLeftOut) {
  const Graph wanted = graph::fold_batch_norms(models::build("yolov8n-cls", small(2)));
  File file = renamed(wanted);
  file.node("Softmax", {"head0"}, {"probabilities"});
  file.model.mutable_graph()->mutable_output(0)->set_name("probabilities");
  file.metadata("names", "{0: 'cat', 1: \"dog's\"}");
  file.metadata("license", "a licence");
  const Graph got = import(file);
  EXPECT_EQ(got.metadata.at("classes"), R"(["cat","dog's"])");
  EXPECT_EQ(got.metadata.at("source_license"), "a licence");
  EXPECT_EQ(got.weights.size(), wanted.weights.size());
}

// Ultralytics prepares pictures for its exports as for its checkpoints without transforms.
TEST(OnnxImport, UltralyticsClassifiersSeeItsPictures) {
  const auto of = [](const char* model, const char* author) {
    File file = renamed(graph::fold_batch_norms(models::build(model, small(2))));
    file.metadata("author", author);
    return models::preparation_of(import(file));
  };
  EXPECT_EQ(of("yolov8n-cls", "Ultralytics"),
            (pixels::Preparation{.resampling = pixels::Resampling::bilinear_antialias}));
  EXPECT_TRUE(of("yolov8n-cls", "somebody").is_own());
  EXPECT_TRUE(of("yolov8n", "Ultralytics").is_own());
}

TEST(OnnxImport, SmallImagesKeepTheirStem) {
  models::BuildOptions options = small(2);
  options.stem_stride = 1;
  options.imgsz = 32;
  const Graph wanted = models::build("yolov5n-cls", options);
  EXPECT_TRUE(plain(import(renamed(wanted))) == wanted);
}

// --- Tails ---

/// Ultralytics' decoding behind the heads of a YOLOv8, with a grid of its own; side: of the image.
void free_tail(File& file, int64_t classes, int64_t side, double scale = 1) {
  std::vector<std::string> levels;
  std::vector<float> middles_x, middles_y, strides;
  for (int level = 0; level < 3; ++level) {
    const int64_t stride = 8 << level, cells = side / stride;
    const std::string name = "level" + std::to_string(level);
    set_attribute(
        file.node("Concat", {"head" + std::to_string(2 * level), "head" + std::to_string(2 * level + 1)}, {name}),
        "axis", int64_t{1});
    // The shape [N, 64 + classes, -1], computed.
    file.node("Shape", {name}, {name + "_shape"});
    file.node("Gather", {name + "_shape", file.scalar(0)}, {name + "_n"});
    file.node("Unsqueeze", {name + "_n", file.whole({0})}, {name + "_n1"});
    set_attribute(file.node("Concat", {name + "_n1", file.whole({64 + classes, -1})}, {name + "_to"}), "axis",
                  int64_t{0});
    file.node("Reshape", {name, name + "_to"}, {name + "_flat"});
    levels.push_back(name + "_flat");
    for (int64_t cell = 0; cell < cells * cells; ++cell) {
      middles_x.push_back(static_cast<float>(cell % cells) + 0.5f);
      middles_y.push_back(static_cast<float>(cell / cells) + 0.5f);
      strides.push_back(static_cast<float>(stride * scale));
    }
  }
  const auto count = static_cast<int64_t>(strides.size());
  set_attribute(file.node("Concat", levels, {"all"}), "axis", int64_t{2});
  set_attribute(file.node("Split", {"all", file.whole({64, classes})}, {"box", "cls"}), "axis", int64_t{1});
  file.with_numbers("Reshape", {"box"}, {{1, 4, 16, count}}, "bins");
  set_attribute(file.node("Transpose", {"bins"}, {"first"}), "perm", Whole{0, 2, 1, 3});
  set_attribute(file.node("Softmax", {"first"}, {"parts"}), "axis", int64_t{1});
  std::vector<float> numbers(16);
  for (int i = 0; i < 16; ++i) numbers[i] = static_cast<float>(i);
  file.node("Conv", {"parts", file.floats(numbers, {1, 16, 1, 1})}, {"expected"});
  file.with_numbers("Reshape", {"expected"}, {{1, 4, count}}, "sides");
  std::vector<float> middles = middles_x;
  middles.insert(middles.end(), middles_y.begin(), middles_y.end());
  const std::string at = file.floats(middles, {1, 2, count});
  file.node("Slice", {"sides", file.whole({0}), file.whole({2}), file.whole({1})}, {"before"});
  file.node("Slice", {"sides", file.whole({2}), file.whole({4}), file.whole({1})}, {"behind"});
  file.node("Sub", {at, "before"}, {"low"});
  file.node("Add", {at, "behind"}, {"high"});
  file.node("Add", {"low", "high"}, {"sum"});
  file.node("Div", {"sum", file.floats({2}, {})}, {"middle"});
  file.node("Sub", {"high", "low"}, {"size"});
  set_attribute(file.node("Concat", {"middle", "size"}, {"cells"}), "axis", int64_t{1});
  file.node("Mul", {"cells", file.floats(strides, {1, count})}, {"pixels"});
  file.node("Sigmoid", {"cls"}, {"scores"});
  set_attribute(file.node("Concat", {"pixels", "scores"}, {"decoded"}), "axis", int64_t{1});
  file.model.mutable_graph()->clear_output();
  file.output("decoded");
}

/// YOLOv5's decoding, with these anchors.
void anchor_tail(File& file, int64_t classes, int64_t side, const std::vector<std::vector<float>>& anchors) {
  std::vector<std::string> levels;
  for (int level = 0; level < 3; ++level) {
    const int64_t stride = 8 << level, cells = side / stride, width = 5 + classes;
    const auto count = static_cast<int64_t>(anchors[level].size()) / 2;
    const std::string name = "level" + std::to_string(level);
    file.with_numbers("Reshape", {"head" + std::to_string(level)}, {{1, count, width, cells, cells}}, name + "_a");
    set_attribute(file.node("Transpose", {name + "_a"}, {name + "_b"}), "perm", Whole{0, 1, 3, 4, 2});
    file.node("Sigmoid", {name + "_b"}, {name + "_s"});
    set_attribute(
        file.node("Split", {name + "_s", file.whole({2, 2, width - 4})}, {name + "_xy", name + "_wh", name + "_rest"}),
        "axis", int64_t{4});
    std::vector<float> grid;
    for (int64_t cell = 0; cell < cells * cells; ++cell) {
      grid.push_back(static_cast<float>(cell % cells) - 0.5f);
      grid.push_back(static_cast<float>(cell / cells) - 0.5f);
    }
    file.node("Mul", {name + "_xy", file.floats({2}, {})}, {name + "_xy2"});
    file.node("Add", {name + "_xy2", file.floats(grid, {1, 1, cells, cells, 2})}, {name + "_at"});
    file.node("Mul", {name + "_at", file.floats({static_cast<float>(stride)}, {})}, {name + "_middle"});
    file.node("Mul", {name + "_wh", file.floats({2}, {})}, {name + "_wh2"});
    file.node("Pow", {name + "_wh2", file.floats({2}, {})}, {name + "_square"});
    file.node("Mul", {name + "_square", file.floats(anchors[level], {1, count, 1, 1, 2})}, {name + "_size"});
    set_attribute(file.node("Concat", {name + "_middle", name + "_size", name + "_rest"}, {name + "_rows"}), "axis",
                  int64_t{4});
    levels.push_back(file.with_numbers("Reshape", {name + "_rows"}, {{1, -1, width}}, name + "_out"));
  }
  set_attribute(file.node("Concat", levels, {"decoded"}), "axis", int64_t{1});
  file.model.mutable_graph()->clear_output();
  file.output("decoded");
}

TEST(OnnxImport, ADecodingTailIsComparedAndLeftOut) {
  const Graph wanted = graph::fold_batch_norms(models::build("yolov8n", small(3)));
  File file = renamed(wanted);
  free_tail(file, 3, 64);
  const Graph got = import(file);
  EXPECT_TRUE(plain(got) == wanted);
  EXPECT_EQ(note(got), "");
  File other = renamed(wanted);
  free_tail(other, 3, 64, 1.0 / 64);  // boxes as parts of the image
  EXPECT_NE(note(import(other)).find("its boxes differ by up to"), std::string::npos);
}

TEST(OnnxImport, AnchorsAreReadOffTheTail) {
  const std::vector<std::vector<float>> anchors{
      {10, 13, 16.5f, 30, 33, 23}, {30, 61, 62, 45, 59, 119}, {9, 90, 156, 198, 373, 326}};
  Graph wanted = graph::fold_batch_norms(models::build("yolov5n", small(3)));
  File file = renamed(wanted);
  anchor_tail(file, 3, 64, anchors);
  const Graph got = import(file);
  EXPECT_EQ(note(got), "");
  EXPECT_EQ(got.metadata.at("anchors"), "[[10,13,16.5,30,33,23],[30,61,62,45,59,119],[9,90,156,198,373,326]]");
  wanted.metadata["anchors"] = got.metadata.at("anchors");
  EXPECT_TRUE(plain(got) == wanted);
  EXPECT_NE(note(import(renamed(wanted))).find("the file has no anchors"), std::string::npos);
}

TEST(OnnxImport, InnerMapsMayBeGivenOutToo) {
  const Graph wanted = graph::fold_batch_norms(models::build("yolov8n", small(3)));
  File file = renamed(wanted);
  for (const auto& node : file.model.graph().node()) {
    if (node.op_type() == "Resize") file.output(node.input(0));  // the neck's
  }
  const std::string map = file.model.graph().output(6).name();
  EXPECT_TRUE(plain(import(file)) == wanted);
  free_tail(file, 3, 64);
  file.output(file.model.graph().node(0).output(0));
  EXPECT_EQ(note(import(file)), "") << "the tail is compared all the same";
  File beyond = renamed(wanted);  // a network that goes on from there is another
  beyond.node("Conv", {map, beyond.floats(std::vector<float>(256, 1), {1, 256, 1, 1})}, {"more"});
  beyond.output("more");
  EXPECT_EQ(import(beyond).metadata.at("task"), "none");
}

TEST(OnnxImport, ATailOfUnknownOperatorsIsSaid) {
  File file = renamed(graph::fold_batch_norms(models::build("yolov8n", small(3))));
  free_tail(file, 3, 64);
  file.node("NonMaxSuppression", {"decoded"}, {"chosen"});
  file.model.mutable_graph()->mutable_output(0)->set_name("chosen");
  const Graph got = import(file);
  EXPECT_NE(note(got).find("NonMaxSuppression"), std::string::npos) << note(got);
  EXPECT_EQ(models::detect_head(got).class_count(), 3);
}

TEST(OnnxImport, SizesThatAreOpenComeFromMetadataOrTheCall) {
  const Graph wanted = graph::fold_batch_norms(models::build("yolov8n", small(3)));
  File file = renamed(wanted);
  free_tail(file, 3, 64);
  auto& shape = *file.model.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
  for (int axis = 0; axis < 4; ++axis) {
    if (axis != 1) shape.mutable_dim(axis)->set_dim_param("open");
  }
  EXPECT_EQ(error_of([&] { import(file); }).first, ErrorKind::config);
  ImportOptions options;
  options.imgsz = 64;
  EXPECT_TRUE(plain(import(file, options)) == wanted);
  file.metadata("imgsz", "[64, 64]");
  EXPECT_TRUE(plain(import(file)) == wanted);
  File rectangle = renamed(wanted);
  rectangle.model.mutable_graph()
      ->mutable_input(0)
      ->mutable_type()
      ->mutable_tensor_type()
      ->mutable_shape()
      ->mutable_dim(3)
      ->set_dim_value(96);
  EXPECT_EQ(import(rectangle).metadata.at("imgsz"), "64x96");
}

// --- What is none of ours ---

File network() {
  File file(13);
  file.input("pixels", {-1, 3, 32, 32});
  file.node("Conv", {"pixels", file.constant("w", Tensor(DType::f32, {4, 3, 1, 1}))}, {"a"});
  file.node("Relu", {"a"}, {"b"});
  file.output("b");
  return file;
}

TEST(OnnxImport, AnotherNetworkHasNoTask) {
  const Graph got = import(network());
  EXPECT_EQ(got.metadata.at("task"), "none");
  EXPECT_EQ(got.metadata.at("model"), "x");
  EXPECT_EQ(got.metadata.at("imgsz"), "32");
  EXPECT_EQ(got.nodes.size(), 2u);
  EXPECT_EQ(graph::read_onnx(graph::write_onnx(got), "again").nodes.size(), 2u);
  ImportOptions options;
  options.imgsz = 48;
  EXPECT_EQ(import(network(), options).edge(0).shape, (Shape{1, 3, 48, 48}));
  options.model = "yolov8n";
  EXPECT_NE(error_of([&] { import(network(), options); }).second.find("expected the network of yolov8n"),
            std::string::npos);
}

TEST(OnnxImport, OperatorsThatThereAreNotAreCounted) {
  File file = network();
  file.node("HardSwish", {"b"}, {"c"});
  file.node("HardSwish", {"c"}, {"d"});
  file.node("Softmax", {"d"}, {"e"});
  file.metadata("description", "Another model");
  file.model.mutable_graph()->mutable_output(0)->set_name("e");
  const auto [kind, text] = error_of([&] { import(file); });
  EXPECT_EQ(kind, ErrorKind::unsupported);
  EXPECT_NE(text.find("'Another model' with HardSwish x2, Softmax x1"), std::string::npos) << text;
}

TEST(OnnxImport, ClassNamesMustFit) {
  const File file = renamed(models::build("yolov8n-cls", small(2)));
  ImportOptions options;
  options.classes = {"one"};
  EXPECT_EQ(error_of([&] { import(file, options); }).first, ErrorKind::config);
  options.classes = {"cat", "dog"};
  EXPECT_EQ(import(file, options).metadata.at("classes"), R"(["cat","dog"])");
}

TEST(OnnxNames, AreReadAsPythonPrintsThem) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(names_of_literal("{0: 'a', 1: \"b's\", 2: 'c\\'s'}"), (Names{"a", "b's", "c's"}));
  EXPECT_EQ(names_of_literal("{1: 'b', 0: 'a',}"), (Names{"a", "b"}));
  EXPECT_EQ(names_of_literal("['a', 'b']"), (Names{"a", "b"}));
  for (const char* bad : {"", "{}", "[]", "{0: 'a'", "{0 'a'}", "{1: 'a'}", "{0: 'a', 0: 'b'}", "{0: a}", "{0: 'a'} x",
                          "{0: 'a", "{99999999: 'a'}", "{0: '\xff'}", "__import__('os')"}) {
    EXPECT_FALSE(names_of_literal(bad)) << bad;
  }
  EXPECT_EQ(size_of_literal("[640, 480]"), (std::pair<int64_t, int64_t>{640, 480}));
  EXPECT_EQ(size_of_literal("320"), (std::pair<int64_t, int64_t>{320, 320}));
  EXPECT_EQ(size_of_literal("large"), (std::pair<int64_t, int64_t>{0, 0}));
}

}  // namespace
}  // namespace quench::weights
