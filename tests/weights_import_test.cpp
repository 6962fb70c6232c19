#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <span>

#include "core/error.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/json.h"
#include "graph/input_normalization.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"
#include "graph/passes.h"
#include "graph/shape_inference.h"
#include "graph/verify.h"
#include "metrics/cost.h"
#include "models/detect_head.h"
#include "models/preparation.h"
#include "models/spec.h"
#include "weights/import.h"
#include "weights_samples.h"

namespace quench::weights {
namespace {

namespace fs = std::filesystem;
using graph::Graph;

const fs::path kWeights = fs::path(QUENCH_SOURCE_DIR) / "../shared/data/weights";

models::BuildOptions small(int classes) {
  models::BuildOptions options;
  for (int i = 0; i < classes; ++i) options.classes.push_back("c" + std::to_string(i));
  options.imgsz = 64;
  options.seed = 7;
  return options;
}

NamedTensors tensors_of(const Graph& graph) {
  NamedTensors out;
  for (const auto& [name, weight] : graph.weights) out[name] = weight.value;
  return out;
}

Checkpoint checkpoint_of(const Graph& graph) {
  Checkpoint out;
  out.tensors = tensors_of(graph);
  out.classes = parse_json(graph.metadata.at("classes"), "classes").get<std::vector<std::string>>();
  return out;
}

std::string message_of(const Checkpoint& checkpoint, const ImportOptions& options = {},
                       ErrorKind kind = ErrorKind::data) {
  try {
    import_checkpoint(checkpoint, options, "x.pt");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "expected an Error";
  return "";
}

/// sha256 of all weights' bytes, by name.
std::string digest(const Graph& graph) {
  Sha256 hash;
  for (const auto& [name, weight] : graph.weights) {
    hash.update(std::span<const std::byte>(weight.value.bytes(), weight.value.size_bytes()));
  }
  return hash.hex();
}

// The law: what was written comes back, for every family and task, folded or not, whatever the file's kind.
TEST(Import, GivesBackWhatWasWritten) {
  for (const char* name : {"yolov5n-cls", "yolov8n-cls", "yolov5n", "yolov8n"}) {
    for (const bool folded : {false, true}) {
      SCOPED_TRACE(fmt::format("{} folded {}", name, folded));
      Graph wanted = models::build(name, small(3));
      if (folded) wanted = graph::fold_batch_norms(wanted);
      const Json names = {{"names", wanted.metadata.at("classes")}};
      const std::string files[] = {samples::safetensors_file(tensors_of(wanted), names),
                                   samples::torch_state_dict(tensors_of(wanted))};
      wanted.metadata["source"] = "x";
      for (const std::string& file : files) {
        ImportOptions options;
        options.imgsz = 64;
        if (&file != files) options.classes = {"c0", "c1", "c2"};
        Graph got = import_checkpoint(read_checkpoint(file, "x"), options, "x");
        EXPECT_TRUE(got == wanted);
      }
    }
  }
}

TEST(Import, NormalisationIsALayerAndTheSizeTheFiles) {
  Checkpoint checkpoint = checkpoint_of(models::build("yolov5n-cls", small(3)));
  checkpoint.preprocessing.imgsz = 100;
  checkpoint.preprocessing.normalization = graph::Normalization{{0.5, 0.25, 0}, {0.5, 2, 1}};
  checkpoint.preprocessing.differences = {"crops", "resizes"};
  const Graph got = import_checkpoint(checkpoint, {}, "x.pt");
  EXPECT_EQ(got.edge(got.inputs[0]).shape, (Shape{1, 3, 128, 128})) << "a multiple of the stride";
  EXPECT_EQ(got.metadata.at("preprocessing_differs"), "crops; resizes");
  EXPECT_FALSE(got.metadata.contains("preparation"));
  const graph::Node* node = graph::input_normalization(got);
  ASSERT_NE(node, nullptr);
  const auto weight = got.required_weight(*node, "weight").value.values<float>();
  const auto bias = got.required_weight(*node, "bias").value.values<float>();
  EXPECT_EQ((std::vector<float>{weight.begin(), weight.end()}), (std::vector<float>{2, 0.5f, 1}));
  EXPECT_EQ((std::vector<float>{bias.begin(), bias.end()}), (std::vector<float>{-1, -0.125f, 0}));
  checkpoint.preprocessing.pictures = {pixels::Shaping::short_side, pixels::Resampling::bicubic_antialias, 256, 224};
  const Graph kept = graph::read_onnx(graph::write_onnx(import_checkpoint(checkpoint, {}, "x.pt")), "x");
  EXPECT_EQ(models::preparation_of(kept), checkpoint.preprocessing.pictures);
  EXPECT_EQ(models::preparation_of(graph::with_image_size(kept, 64, 64)), checkpoint.preprocessing.pictures);
  ImportOptions options;
  options.imgsz = 64;
  const Graph sized = import_checkpoint(checkpoint, options, "x.pt");
  EXPECT_EQ(sized.edge(sized.inputs[0]).shape[2], 64) << "the command goes first";
  checkpoint.preprocessing.normalization->std[1] = 0;
  EXPECT_NE(message_of(checkpoint).find("deviations above 0"), std::string::npos);
}

TEST(Import, TellsEveryModelOfTheCatalogByItsTensors) {
  for (const std::string& name : models::names()) {
    if (name[6] == 'l' || name[6] == 'x') continue;  // large: seconds, and no other case
    const Graph graph = models::build(name, small(2));
    EXPECT_EQ(import_checkpoint(checkpoint_of(graph), {}, "x").metadata.at("model"), name);
  }
}

TEST(Import, ClassNamesComeFromTheCallTheFileOrAreNumbers) {
  Checkpoint checkpoint = checkpoint_of(models::build("yolov5n-cls", small(2)));
  const auto classes = [&](const ImportOptions& options) {
    return import_checkpoint(checkpoint, options, "x").metadata.at("classes");
  };
  EXPECT_EQ(classes({}), R"(["c0","c1"])");
  EXPECT_EQ(classes({"", 0, {"cat", "dog"}}), R"(["cat","dog"])");
  EXPECT_NE(message_of(checkpoint, {"", 0, {"cat"}}, ErrorKind::config).find("expected 2 class names"),
            std::string::npos);
  checkpoint.classes = {"one"};
  EXPECT_NE(message_of(checkpoint).find("expected 2 class names"), std::string::npos);
  checkpoint.classes = {"a", "\xff"};
  EXPECT_NE(message_of(checkpoint).find("UTF-8"), std::string::npos);
  checkpoint.classes = {};
  EXPECT_EQ(classes({}), R"(["0","1"])");
}

TEST(Import, TensorsThatDoNotFitAreOneErrorWithAll) {
  const Graph graph = models::build("yolov8n", small(2));
  Checkpoint checkpoint = checkpoint_of(graph);
  checkpoint.tensors.erase("model.4.cv1.conv.weight");
  checkpoint.tensors["model.22.cv4.0.weight"] = Tensor(DType::f32, {3});
  checkpoint.tensors["model.2.cv1.bn.bias"] = Tensor(DType::f32, {5});
  checkpoint.tensors["model.2.cv1.bn.weight"] = Tensor(DType::i64, {32});
  const std::string message = message_of(checkpoint);
  for (const char* part :
       {"4 differences", "model.4.cv1.conv.weight [64,64,1,1] is missing", "model.22.cv4.0.weight [3] is too many",
        "model.2.cv1.bn.bias is float32 [5] instead of float32 [32]", "int64 [32]", "x.pt"}) {
    EXPECT_NE(message.find(part), std::string::npos) << part << " in " << message;
  }
  for (auto named = checkpoint.tensors.begin(); named != checkpoint.tensors.end();) {
    named = named->first.find(".cv2.") == std::string::npos ? std::next(named) : checkpoint.tensors.erase(named);
  }
  const std::string many = message_of(checkpoint);
  EXPECT_NE(many.find(" more"), std::string::npos) << many;
  EXPECT_LT(many.size(), 1500u);
}

TEST(Import, TensorsOfNoModelSaySo) {
  Checkpoint checkpoint;
  checkpoint.tensors["fc.weight"] = Tensor(DType::f32, {10, 10});
  EXPECT_NE(message_of(checkpoint).find("yolov8n"), std::string::npos);
  EXPECT_NE(message_of(checkpoint, {"yolov5n", 0, {}}).find("head"), std::string::npos);
  EXPECT_NE(message_of(checkpoint, {"yolov5q", 0, {}}, ErrorKind::config).find("did you mean"), std::string::npos);
  Checkpoint other = checkpoint_of(models::build("yolov5n-cls", small(2)));
  EXPECT_NE(message_of(other, {"yolov8n-cls", 0, {}}).find("differences"), std::string::npos);
  EXPECT_NE(message_of(other, {"", 50, {}}, ErrorKind::config).find("multiple"), std::string::npos);
}

TEST(Import, WeightsThatAreNoNumbersAreRefused) {
  Checkpoint checkpoint = checkpoint_of(models::build("yolov5n-cls", small(2)));
  checkpoint.tensors.at("model.0.conv.weight").mutable_values<float>()[5] = INFINITY;
  EXPECT_NE(message_of(checkpoint).find("model.0.conv.weight"), std::string::npos);
}

TEST(Import, ConstantsAreCheckedAndLeftOut) {
  Checkpoint checkpoint = checkpoint_of(models::build("yolov8n", small(2)));
  const Graph without = import_checkpoint(checkpoint, {}, "x");
  std::vector<float> bins(16);
  for (int i = 0; i < 16; ++i) bins[i] = static_cast<float>(i);
  checkpoint.tensors["model.22.dfl.conv.weight"] = Tensor::from(bins, {1, 16, 1, 1});
  checkpoint.tensors["model.0.bn.num_batches_tracked"] = Tensor(DType::i64, {});
  EXPECT_TRUE(import_checkpoint(checkpoint, {}, "x") == without);
  bins[3] = 4;
  checkpoint.tensors["model.22.dfl.conv.weight"] = Tensor::from(bins, {1, 16, 1, 1});
  EXPECT_NE(message_of(checkpoint).find("dfl.conv.weight is not 0, 1, 2"), std::string::npos);
}

TEST(Import, AnchorsComeFromTheFileInUnitsOfTheStride) {
  const auto with_anchors = [](int64_t per_level, float first) {
    models::Spec spec = models::spec("yolov5n");
    for (models::Argument& level : spec.rows.back().args) {
      std::get<std::vector<int64_t>>(level).resize(static_cast<size_t>(2 * per_level), 1);
    }
    Checkpoint checkpoint = checkpoint_of(models::build(spec, small(2)));
    Tensor anchors(DType::f32, {3, per_level, 2});
    for (float& side : anchors.mutable_values<float>()) side = 2;
    anchors.mutable_values<float>()[0] = first;
    checkpoint.tensors["model.24.anchors"] = anchors;
    return checkpoint;
  };
  const Graph graph = import_checkpoint(with_anchors(3, 1.2f), {}, "x");
  const models::DetectHead head = models::detect_head(graph);
  EXPECT_EQ(head.anchors[0][0][0], static_cast<double>(1.2f) * 8);
  EXPECT_EQ(head.anchors[1][2][1], 32);
  EXPECT_EQ(models::detect_head(import_checkpoint(with_anchors(4, 1), {}, "x")).anchors[2].size(), 4u);
  EXPECT_NE(message_of(with_anchors(3, -1)).find("anchors"), std::string::npos);
  EXPECT_NE(message_of(with_anchors(3, NAN)).find("anchors"), std::string::npos);
  Checkpoint flat = with_anchors(3, 1);
  flat.tensors.at("model.24.anchors") = flat.tensors.at("model.24.anchors").reshaped({18});
  EXPECT_NE(message_of(flat).find("anchors"), std::string::npos);
}

TEST(Import, WhatModulesSayMustFit) {
  const Graph graph = models::build("yolov8n", small(2));
  Checkpoint plain = checkpoint_of(graph);
  for (const graph::Node& node : graph.nodes) {
    if (node.op == graph::Op::conv) plain.convolutions[node.name] = node.as<graph::ConvAttributes>();
    if (node.op == graph::Op::batch_norm) plain.norms[node.name] = {1e-5f, 0.1f};
    if (node.op == graph::Op::silu) plain.activations[node.name] = "SiLU";
  }
  plain.strides = {8, 16, 32};
  const Graph got = import_checkpoint(plain, {}, "x");
  for (const graph::Node& node : got.nodes) {
    if (node.op == graph::Op::batch_norm) {
      EXPECT_EQ(node.as<graph::BatchNormAttributes>(), (graph::BatchNormAttributes{1e-5f, 0.1f})) << node.name;
    }
  }
  Checkpoint other = plain;
  other.activations["model.3.act"] = "LeakyReLU";
  EXPECT_NE(message_of(other, {}, ErrorKind::unsupported).find("LeakyReLU (model.3.act"), std::string::npos);
  other = plain;
  other.convolutions["model.3.conv"].dilation = {2, 2};
  EXPECT_NE(message_of(other).find("model.3.conv has another"), std::string::npos);
  other = plain;
  other.strides = {4, 8, 16};
  EXPECT_NE(message_of(other).find("expected strides [8,16,32]"), std::string::npos);
  other = plain;  // a first convolution of stride 1, for small images
  other.convolutions["model.0.conv"].stride = {1, 1};
  other.strides = {4, 8, 16};
  EXPECT_EQ(import_checkpoint(other, {}, "x").metadata.at("stem_stride"), "1");
}

// --- Released files ---

class Released : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(kWeights)) GTEST_SKIP() << "needs released weights in " << kWeights;
  }
};

void expect_coco_names(const Graph& graph) {
  const auto classes = parse_json(graph.metadata.at("classes"), "classes").get<std::vector<std::string>>();
  ASSERT_EQ(classes.size(), 80u);
  EXPECT_EQ(classes.front(), "person");
  EXPECT_EQ(classes[9], "traffic light");
  EXPECT_EQ(classes.back(), "toothbrush");
}

// The digests are of all weights' float32 bytes, by name, read by a reader of our own in another language (its standard
// unpickler for yolov5n.pt).
TEST_F(Released, Yolov5n) {
  const Graph graph = import_file(kWeights / "yolov5n.pt", {});
  EXPECT_NO_THROW(graph::verify(graph));
  EXPECT_EQ(metrics::cost(graph).params, 1872157);  // published
  EXPECT_EQ(graph.metadata.at("model"), "yolov5n");
  EXPECT_EQ(graph.metadata.at("source"), "yolov5n.pt");
  EXPECT_EQ(graph.metadata.at("source_sha256"), "4f180cf23ba0717ada0badd6c685026d73d48f184d00fc159c2641284b2ac0a3");
  EXPECT_EQ(graph.metadata.at("anchors"), "[[10,13,16,30,33,23],[30,61,62,45,59,119],[116,90,156,198,373,326]]");
  EXPECT_EQ(graph.metadata.at("strides"), "[8,16,32]");
  expect_coco_names(graph);
  EXPECT_EQ(digest(graph), "08781ae7b8295de637167d097bf920930dcff116f0c559e0d558f88f7fdd74bb");
  EXPECT_EQ(metrics::cost(graph::fold_batch_norms(graph)).params, 1867405);  // published, fused
  EXPECT_TRUE(graph::read_onnx(graph::write_onnx(graph), "again") == graph);
  EXPECT_EQ(models::detect_head(graph).strides, (std::vector<int64_t>{8, 16, 32}));
}

TEST_F(Released, Yolov5nSaysMoreThanItsTensors) {
  const Checkpoint checkpoint = read_checkpoint(read_file(kWeights / "yolov5n.pt"), "yolov5n.pt");
  EXPECT_EQ(checkpoint.part, "model");
  EXPECT_EQ(checkpoint.tensors.size(), 349u);
  EXPECT_EQ(checkpoint.strides, (std::vector<double>{8, 16, 32}));
  EXPECT_EQ(checkpoint.convolutions.size(), 60u);
  EXPECT_EQ(checkpoint.norms.size(), 57u);
  EXPECT_EQ(checkpoint.norms.at("model.0.bn"), (graph::BatchNormAttributes{1e-3f, 0.03f}));
  EXPECT_EQ(checkpoint.activations.size(), 57u);
}

TEST_F(Released, Yolov8nFolded) {
  const Graph graph = import_file(kWeights / "yolov8n_fused.safetensors", {});
  EXPECT_NO_THROW(graph::verify(graph));
  EXPECT_EQ(metrics::cost(graph).params + 16, 3151904);  // published, with the 16 fixed numbers of the DFL convolution
  EXPECT_EQ(graph.metadata.at("model"), "yolov8n");
  EXPECT_EQ(graph.metadata.at("reg_max"), "16");
  EXPECT_EQ(graph.metadata.at("source_sha256"), "89c602f11d0bc46472bdabeb1372ff922b229b5359a55f3e71f51ef701850ed7");
  expect_coco_names(graph);
  for (const graph::Node& node : graph.nodes) EXPECT_NE(node.op, graph::Op::batch_norm) << node.name;
  EXPECT_EQ(digest(graph), "8a52da2cb729d15ab96049f73b2455e70bda5f68f18dc2d19309fc45fa88a339");
  EXPECT_TRUE(graph::read_onnx(graph::write_onnx(graph), "again") == graph);
  EXPECT_TRUE(models::detect_head(graph).anchor_free());
}

TEST_F(Released, TruncatedFilesAreErrors) {
  for (const char* name : {"yolov5n.pt", "yolov8n_fused.safetensors"}) {
    const std::string whole = read_file(kWeights / name);
    for (const size_t size : {whole.size() - 1, whole.size() / 2, size_t{20000}, size_t{100}, size_t{9}, size_t{1}}) {
      EXPECT_THROW(read_checkpoint(whole.substr(0, size), name), Error) << name << " " << size;
    }
  }
}

TEST_F(Released, ChangedFilesAreErrorsOrModels) {
  for (const char* name : {"yolov5n.pt", "yolov8n_fused.safetensors"}) {
    const std::string whole = read_file(kWeights / name);
    for (uint64_t round = 0; round < 25; ++round) {
      Rng rng(0, name, round);
      try {
        import_checkpoint(read_checkpoint(samples::changed(whole, rng), name), {}, name);
      } catch (const Error& error) {
        EXPECT_TRUE(error.kind() == ErrorKind::data || error.kind() == ErrorKind::unsupported) << error.what();
      }
    }
  }
}

TEST(ImportFile, MissingFilesAreTold) {
  try {
    import_file("/nowhere/x.pt", {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::io);
  }
}

}  // namespace
}  // namespace quench::weights
