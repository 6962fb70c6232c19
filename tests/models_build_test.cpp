#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <set>
#include <stdexcept>

#include "core/error.h"
#include "core/hash.h"
#include "core/json.h"
#include "graph/graph.h"
#include "graph/passes.h"
#include "graph/verify.h"
#include "models/spec.h"

namespace quench::models {
namespace {

using graph::Graph;
using graph::Node;
using graph::Op;

const Node& node(const Graph& graph, const std::string& name) {
  for (const Node& n : graph.nodes) {
    if (n.name == name) return n;
  }
  throw std::runtime_error("no node " + name);
}

BuildOptions small(int classes, int imgsz) {
  BuildOptions options;
  for (int i = 0; i < classes; ++i) options.classes.push_back("c" + std::to_string(i));
  options.imgsz = imgsz;
  return options;
}

std::string message_of(const std::function<void()>& call, ErrorKind kind) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "expected an Error";
  return "";
}

TEST(Models, Lists20NamesClassifiersFirst) {
  ASSERT_EQ(names().size(), 20u);
  EXPECT_EQ(names().front(), "yolov5n-cls");
  EXPECT_EQ(names()[9], "yolov8x-cls");
  EXPECT_EQ(names()[10], "yolov5n");
  EXPECT_EQ(std::set<std::string>(names().begin(), names().end()).size(), 20u);
}

TEST(Models, EachBuildsAVerifiedGraphThatKnowsItself) {
  for (const std::string& name : names()) {
    const Spec s = spec(name);
    const Graph graph = build(s, small(3, 64));
    EXPECT_NO_THROW(graph::verify(graph)) << name;
    EXPECT_EQ(graph.metadata.at("model"), name);
    EXPECT_EQ(graph.metadata.at("task"), s.task);
    EXPECT_EQ(graph.metadata.at("family"), name.substr(0, 6));
    EXPECT_EQ(graph.metadata.at("stride"), "32");
    EXPECT_EQ(graph.metadata.at("classes"), R"(["c0","c1","c2"])");
    ASSERT_EQ(graph.inputs.size(), 1u);
    EXPECT_EQ(graph.edge(graph.inputs[0]).name, "images");
    EXPECT_EQ(graph.edge(graph.inputs[0]).shape, (Shape{1, 3, 64, 64}));
    EXPECT_EQ(graph.metadata.contains("anchors"), s.task == "detect" && s.family == "yolov5") << name;
    EXPECT_EQ(graph.metadata.contains("reg_max"), s.task == "detect" && s.family == "yolov8") << name;
  }
}

TEST(Models, ClassifierEndsInLogits) {
  for (const char* name : {"yolov5n-cls", "yolov8n-cls"}) {
    const Graph graph = build(name, small(7, 64));
    ASSERT_EQ(graph.outputs.size(), 1u);
    EXPECT_EQ(graph.edge(graph.outputs[0]).shape, (Shape{1, 7}));
    EXPECT_EQ(graph.edge(graph.outputs[0]).name, "model.9.linear");
    EXPECT_EQ(graph.weights.at("model.9.linear.weight").value.shape(), (Shape{7, 1280}));
    EXPECT_EQ(graph.weights.at("model.9.conv.conv.weight").value.shape(), (Shape{1280, 256, 1, 1}));
  }
}

TEST(Models, DefaultClassesAndSizesAreThePublishedOnes) {
  const Graph classifier = build("yolov8n-cls", {});
  EXPECT_EQ(classifier.edge(classifier.inputs[0]).shape, (Shape{1, 3, 224, 224}));
  EXPECT_EQ(classifier.edge(classifier.outputs[0]).shape, (Shape{1, 1000}));
  const Graph detector = build("yolov5n", {});
  EXPECT_EQ(detector.edge(detector.inputs[0]).shape, (Shape{1, 3, 640, 640}));
  EXPECT_EQ(parse_json(detector.metadata.at("classes"), "test").size(), 80u);
}

TEST(Models, Yolov5DetectorEndsInThreeHeadConvolutions) {
  const Graph graph = build("yolov5n", small(4, 128));
  ASSERT_EQ(graph.outputs.size(), 3u);
  for (int i = 0; i < 3; ++i) {
    const graph::Edge& output = graph.edge(graph.outputs[i]);
    EXPECT_EQ(output.name, "model.24.m." + std::to_string(i));
    EXPECT_EQ(output.shape, (Shape{1, 3 * (5 + 4), 16 >> i, 16 >> i}));
  }
  EXPECT_EQ(graph.metadata.at("strides"), "[8,16,32]");
  EXPECT_EQ(graph.metadata.at("anchors"), "[[10,13,16,30,33,23],[30,61,62,45,59,119],[116,90,156,198,373,326]]");
}

TEST(Models, Yolov8DetectorEndsInBoxAndClassConvolutions) {
  const Graph graph = build("yolov8n", small(4, 128));
  ASSERT_EQ(graph.outputs.size(), 6u);
  for (int i = 0; i < 3; ++i) {
    const graph::Edge& box = graph.edge(graph.outputs[2 * i]);
    const graph::Edge& cls = graph.edge(graph.outputs[2 * i + 1]);
    EXPECT_EQ(box.name, "model.22.cv2." + std::to_string(i) + ".2");
    EXPECT_EQ(box.shape, (Shape{1, 64, 16 >> i, 16 >> i}));
    EXPECT_EQ(cls.name, "model.22.cv3." + std::to_string(i) + ".2");
    EXPECT_EQ(cls.shape, (Shape{1, 4, 16 >> i, 16 >> i}));
  }
  EXPECT_EQ(graph.metadata.at("reg_max"), "16");
}

// Every weight's name and shape equals the released file's. The digests are of the lines "name [shape]" of all tensors,
// sorted by name, read from those files by a reader of our own in another language: yolov5n.pt (v7.0, parameters and
// running statistics; without num_batches_tracked and the buffer model.24.anchors) and a YOLOv8n with batch norm folded
// and without the DFL convolution's fixed weights, in safetensors.
TEST(Models, AllWeightNamesAndShapesAreTheReleasedOnes) {
  const auto digest = [](const Graph& graph) {
    std::string lines;
    for (const auto& [name, weight] : graph.weights) lines += name + " " + to_string(weight.value.shape()) + "\n";
    return sha256_hex(lines);
  };
  const Graph v5 = build("yolov5n", {});
  EXPECT_EQ(v5.weights.size(), 291u);
  EXPECT_EQ(digest(v5), "fd5e9f72d358269a8cc92d11d32bacff8c2e4f13778ffef07b14b7e9c83de7d1");
  const Graph v8 = graph::fold_batch_norms(build("yolov8n", {}));
  EXPECT_EQ(v8.weights.size(), 126u);
  EXPECT_EQ(digest(v8), "5dd9822d574f49839f691d245dd2b1cb614994815d033c51409653a087305fc6");
}

// Some of them in clear, to be read where the digests differ.
TEST(Models, WeightNamesAndShapesAreThePublishedModulePaths) {
  const auto shape = [](const Graph& graph, const std::string& name) {
    const auto found = graph.weights.find(name);
    return found == graph.weights.end() ? Shape{} : found->second.value.shape();
  };
  const Graph v5 = build("yolov5n", {});
  EXPECT_EQ(shape(v5, "model.0.conv.weight"), (Shape{16, 3, 6, 6}));
  EXPECT_EQ(shape(v5, "model.2.m.0.cv2.conv.weight"), (Shape{16, 16, 3, 3}));
  EXPECT_EQ(shape(v5, "model.6.m.2.cv1.bn.running_var"), (Shape{64}));
  EXPECT_EQ(shape(v5, "model.9.cv2.conv.weight"), (Shape{256, 512, 1, 1}));
  EXPECT_EQ(shape(v5, "model.13.cv3.conv.weight"), (Shape{128, 128, 1, 1}));
  EXPECT_EQ(shape(v5, "model.24.m.2.weight"), (Shape{255, 256, 1, 1}));
  EXPECT_EQ(shape(v5, "model.24.m.2.bias"), (Shape{255}));
  const Graph v8 = build("yolov8n", {});
  EXPECT_EQ(shape(v8, "model.0.conv.weight"), (Shape{16, 3, 3, 3}));
  EXPECT_EQ(shape(v8, "model.4.m.1.cv1.conv.weight"), (Shape{32, 32, 3, 3}));
  EXPECT_EQ(shape(v8, "model.15.cv1.conv.weight"), (Shape{64, 192, 1, 1}));
  EXPECT_EQ(shape(v8, "model.22.cv2.0.0.conv.weight"), (Shape{64, 64, 3, 3}));
  EXPECT_EQ(shape(v8, "model.22.cv3.1.2.weight"), (Shape{80, 80, 1, 1}));
}

TEST(Models, ShortcutsStandInBackbonesOnly) {
  for (const char* name : {"yolov5n", "yolov8n"}) {
    const Graph graph = build(name, small(2, 64));
    std::set<std::string> rows;
    for (const Node& n : graph.nodes) {
      if (n.op == Op::add) rows.insert(n.name.substr(0, n.name.find(".m.")));
    }
    EXPECT_EQ(rows, (std::set<std::string>{"model.2", "model.4", "model.6", "model.8"})) << name;
  }
}

TEST(Models, StemStrideOneChangesTheFirstConvolutionAlone) {
  for (const std::string name : {"yolov5n-cls", "yolov8n-cls", "yolov5n", "yolov8n"}) {
    BuildOptions options = small(2, 64);
    const Graph plain = build(name, options);
    options.stem_stride = 1;
    const Graph fine = build(name, options);
    ASSERT_EQ(plain.nodes.size(), fine.nodes.size());
    for (size_t i = 0; i < plain.nodes.size(); ++i) {
      EXPECT_EQ(plain.nodes[i].attributes == fine.nodes[i].attributes, i != 0) << name << " " << plain.nodes[i].name;
    }
    for (const auto& [weight, value] : plain.weights) {
      // Only the heads' bias priors follow the grid: there are four times as many cells.
      const bool prior = fine.outputs.size() > 1 && weight.ends_with(".bias") && !weight.ends_with(".bn.bias") &&
                         weight.find(".cv2.") == std::string::npos;
      EXPECT_EQ(value == fine.weights.at(weight), !prior) << name << " " << weight;
    }
    EXPECT_EQ(fine.metadata.at("stride"), "16");
    // YOLOv5's stem has kernel 6 and padding 2: at stride 1 it takes a pixel off, which the next stride 2 makes good.
    EXPECT_EQ(fine.edge(fine.nodes[0].outputs[0]).shape[2], name.starts_with("yolov5") ? 63 : 64) << name;
    for (size_t i = 0; i < fine.outputs.size() && fine.outputs.size() > 1; ++i) {
      EXPECT_EQ(fine.edge(fine.outputs[i]).shape[2], 2 * plain.edge(plain.outputs[i]).shape[2]) << name;
    }
  }
}

TEST(Models, InitialWeightsDependOnSeedAndNameOnly) {
  BuildOptions options = small(5, 64);
  EXPECT_TRUE(build("yolov8n-cls", options) == build("yolov8n-cls", options));
  const Graph a = build("yolov8n-cls", options);
  options.classes.resize(3);
  options.imgsz = 32;
  const Graph b = build("yolov8n-cls", options);
  EXPECT_TRUE(a.weights.at("model.8.cv2.conv.weight") == b.weights.at("model.8.cv2.conv.weight"));
  options.seed = 1;
  EXPECT_FALSE(build("yolov8n-cls", options).weights.at("model.8.cv2.conv.weight") ==
               b.weights.at("model.8.cv2.conv.weight"));
}

TEST(Models, InitialWeightsAreUniformWithinOneBySquareRootOfFanIn) {
  const Graph graph = build("yolov5n-cls", small(10, 64));
  for (const Node& n : graph.nodes) {
    if (n.op != Op::conv && n.op != Op::linear) continue;
    const Tensor& weight = graph.required_weight(n, "weight").value;
    const double fan_in = static_cast<double>(weight.size()) / static_cast<double>(weight.shape()[0]);
    const double bound = 1 / std::sqrt(fan_in);
    double sum = 0, square = 0, largest = 0;
    for (float x : weight.values<float>()) {
      sum += x;
      square += static_cast<double>(x) * x;
      largest = std::max<double>(largest, std::abs(x));
    }
    const auto count = static_cast<double>(weight.size());
    EXPECT_LE(largest, bound * (1 + 1e-6)) << n.name;
    EXPECT_GT(largest, bound * 0.97) << n.name;
    // 6 standard errors of a uniform variable's mean and mean square.
    EXPECT_LT(std::abs(sum / count), 6 * bound / std::sqrt(3 * count)) << n.name;
    EXPECT_NEAR(square / count, bound * bound / 3, 6 * bound * bound * std::sqrt(4.0 / 45 / count)) << n.name;
  }
}

TEST(Models, DetectionBiasesStartAtThePublishedPrior) {
  const Graph v8 = build("yolov8n", small(4, 64));
  for (int i = 0; i < 3; ++i) {
    const double cells = std::pow(640.0 / (8 << i), 2);
    for (float x : v8.weights.at("model.22.cv2." + std::to_string(i) + ".2.bias").value.values<float>()) {
      EXPECT_EQ(x, 1.0f);
    }
    for (float x : v8.weights.at("model.22.cv3." + std::to_string(i) + ".2.bias").value.values<float>()) {
      EXPECT_NEAR(x, std::log(5.0 / 4 / cells), 1e-5);
    }
  }
  const Graph v5 = build("yolov5n", small(4, 64));
  for (int i = 0; i < 3; ++i) {
    const std::string name = "model.24.m." + std::to_string(i);
    const double bound = 1 / std::sqrt(static_cast<double>(v5.weights.at(name + ".weight").value.shape()[1]));
    const auto bias = v5.weights.at(name + ".bias").value.values<float>();
    for (size_t k = 0; k < bias.size(); ++k) {
      const size_t part = k % 9;
      const double prior = part < 4    ? 0
                           : part == 4 ? std::log(8 / std::pow(640.0 / (8 << i), 2))
                                       : std::log(0.6 / (4 - 0.99999));
      EXPECT_NEAR(bias[k], prior, bound + 1e-5) << name << " " << k;
    }
  }
}

TEST(Models, UnknownNameSuggestsTheNearest) {
  const std::string message = message_of([] { spec("yolov8n-clz"); }, ErrorKind::config);
  EXPECT_NE(message.find("'yolov8n-clz'"), std::string::npos) << message;
  EXPECT_NE(message.find("did you mean 'yolov8n-cls'"), std::string::npos) << message;
}

TEST(Models, RefusesSizesItCannotBuild) {
  const std::string message = message_of([] { build("yolov5n-cls", small(2, 100)); }, ErrorKind::config);
  EXPECT_NE(message.find("multiple of yolov5n-cls's stride 32, got 100 (nearest: 96)"), std::string::npos) << message;
  message_of([] { build("yolov5n-cls", small(2, -32)); }, ErrorKind::config);
  BuildOptions options = small(2, 64);
  options.stem_stride = 3;
  message_of([&] { build("yolov5n-cls", options); }, ErrorKind::config);
  options = small(2, 64);
  options.classes[1] = "\xff\xfe";
  message_of([&] { build("yolov5n-cls", options); }, ErrorKind::config);
}

TEST(Models, RefusesMalformedRows) {
  const auto refuses = [](const std::vector<Row>& rows) {
    Spec s = spec("yolov8n-cls");
    s.rows = rows;
    return message_of([&] { build(s, small(2, 64)); }, ErrorKind::config);
  };
  const std::string message = refuses({{{-1}, 1, "Convolution", {16}}});
  EXPECT_NE(message.find("row 0 'Convolution' of yolov8n-cls"), std::string::npos) << message;
  refuses({});
  refuses({{{-1}, 1, "Conv", {}}});                                // no channels
  refuses({{{-1}, 1, "Conv", {16, 3, 0}}});                        // stride 0
  refuses({{{-1}, 1, "Conv", {16, -3}}});                          // kernel -3
  refuses({{{-1}, 1, "Conv", {std::string("wide")}}});             // wrong type
  refuses({{{-1}, 0, "Conv", {16}}});                              // no repeats
  refuses({{{-1}, 2, "Conv", {16}}});                              // repeats where there are none
  refuses({{{}, 1, "Conv", {16}}});                                // no input
  refuses({{{5}, 1, "Conv", {16}}});                               // from below
  refuses({{{-1}, 1, "Conv", {16}}, {{-3}, 1, "Conv", {16}}});     // from nowhere
  refuses({{{-1}, 1, "Conv", {16}}, {{-1, 0}, 1, "Conv", {16}}});  // two inputs
  refuses({{{-1}, 1, "Conv", {16}}, {{-1}, 1, "Upsample", {3}}});  // stride 1 / 3
  refuses({{{-1}, 1, "Conv", {16}}, {{-1}, 1, "Conv", {16, 3, 2}}, {{0, 1}, 1, "Concat", {}}});
  refuses({{{-1}, 1, "Classify", {}}, {{-1}, 1, "Conv", {16}}});  // rows after the head
  refuses({{{-1}, 1, "Conv", {16}}, {{-1}, 1, "Detect", {}}});    // no anchors
  refuses({{{-1}, 1, "Conv", {16}}, {{-1}, 1, "Detect", {std::vector<int64_t>{1, 2, 3}}}});
}

TEST(Models, NodesOfABlockAreNamedConvBnAct) {
  const Graph graph = build("yolov5n-cls", small(2, 64));
  const Node& conv = node(graph, "model.0.conv");
  EXPECT_EQ(conv.op, Op::conv);
  EXPECT_EQ(conv.as<graph::ConvAttributes>(), (graph::ConvAttributes{{6, 6}, {2, 2}, {2, 2}}));
  const Node& norm = node(graph, "model.0.bn");
  EXPECT_EQ(norm.inputs, conv.outputs);
  EXPECT_FLOAT_EQ(norm.as<graph::BatchNormAttributes>().epsilon, 1e-3f);
  EXPECT_FLOAT_EQ(norm.as<graph::BatchNormAttributes>().momentum, 0.03f);
  EXPECT_EQ(node(graph, "model.0.act").inputs, norm.outputs);
  for (const Node& n : graph.nodes) {
    if (n.op != Op::split) {
      EXPECT_EQ(graph.edge(n.outputs[0]).name, n.name);
    }
  }
}

}  // namespace
}  // namespace quench::models
