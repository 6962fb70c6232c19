// What training starts from: names of the data, tensors of the file, rows of the head by class names.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "config/tables.h"
#include "core/error.h"
#include "core/rng.h"
#include "data/sets/memory_dataset.h"
#include "data/sets/shapes.h"
#include "graph/input_normalization.h"
#include "graph/onnx_write.h"
#include "graph/passes.h"
#include "models/preparation.h"
#include "models/spec.h"
#include "nn/graph_module.h"
#include "pixels/fit.h"
#include "steps/start.h"
#include "steps/step.h"
#include "steps/unfold.h"

namespace quench::steps {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

class Start : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("quench-start-{}", ::getpid());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string saved(const graph::Graph& graph) {
    graph::save_onnx(graph, folder_ / "w.onnx");
    return (folder_ / "w.onnx").string();
  }
  static graph::Graph built(const std::string& model, const Names& classes, uint64_t seed) {
    return models::build(model, {classes, 32, 2, seed});
  }
  static data::Splits data_of(const Names& classes) {
    data::PixelStore store{8, 8, std::vector<uint8_t>(8 * 8 * 3), {0}, classes};
    const auto split = std::make_shared<data::MemoryDataset>(store);
    return {"made", split, split};
  }
  static graph::Graph started(const std::string& model, const std::string& file, const Names& classes) {
    const Json settings = config::model_options().checked(
        {{"model", model}, {"pretrained", file}, {"imgsz", 64}, {"auto_anchor", false}}, "t");
    return starting_graph(settings, data_of(classes), 7, "/", {});
  }
  static std::vector<float> row(const graph::Graph& graph, const std::string& weight, int64_t index) {
    const Tensor& value = graph.weights.at(weight).value;
    const auto all = value.values<float>();
    const size_t size = all.size() / static_cast<size_t>(value.shape()[0]);
    const auto begin = all.begin() + static_cast<int64_t>(size) * index;
    return {begin, begin + static_cast<int64_t>(size)};
  }
  static std::string refused(const std::string& model, const std::string& file, const Names& classes) {
    try {
      started(model, file, classes);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::config);
      return error.what();
    }
    ADD_FAILURE() << "expected an Error";
    return "";
  }

  fs::path folder_;
};

// Once the file's graph was taken whole where it had as many classes.
TEST_F(Start, NamesAndSizeAreTheDatasAndTheCommandsOwn) {
  const std::string file = saved(built("yolov5n-cls", {"cat", "dog"}, 1));
  const graph::Graph start = started("yolov5n-cls", file, {"bus", "car"});
  EXPECT_EQ(start.metadata.at("classes"), R"(["bus","car"])");
  EXPECT_EQ(start.edge(start.inputs[0]).shape, (Shape{1, 3, 64, 64}));
}

TEST_F(Start, RowsOfAClassifierFollowTheNames) {
  const graph::Graph given = built("yolov5n-cls", {"cat", "dog", "cow"}, 1);
  const graph::Graph fresh = models::build("yolov5n-cls", {{"dog", "bus", "cat", "car"}, 64, 2, 7});
  const graph::Graph start = started("yolov5n-cls", saved(given), {"dog", "bus", "cat", "car"});
  const std::string linear = "model.9.linear.weight";
  EXPECT_EQ(row(start, linear, 0), row(given, linear, 1));
  EXPECT_EQ(row(start, linear, 2), row(given, linear, 0));
  EXPECT_EQ(row(start, linear, 1), row(fresh, linear, 1)) << "a new class starts anew";
  EXPECT_EQ(row(start, "model.9.linear.bias", 0), row(given, "model.9.linear.bias", 1));
  EXPECT_EQ(row(start, "model.0.conv.weight", 3), row(given, "model.0.conv.weight", 3));
}

TEST_F(Start, RowsOfDetectorsFollowTheNamesInEveryAnchor) {
  const graph::Graph five = models::build("yolov5n", {{"cat", "dog"}, 64, 2, 1});
  const graph::Graph start5 = started("yolov5n", saved(five), {"dog", "bus", "cat"});
  for (const int64_t anchor : {0, 1, 2}) {
    for (const int64_t box : {0, 4}) {
      EXPECT_EQ(row(start5, "model.24.m.1.weight", anchor * 8 + box),
                row(five, "model.24.m.1.weight", anchor * 7 + box));
    }
    EXPECT_EQ(row(start5, "model.24.m.1.weight", anchor * 8 + 5), row(five, "model.24.m.1.weight", anchor * 7 + 6));
    EXPECT_EQ(row(start5, "model.24.m.1.weight", anchor * 8 + 7), row(five, "model.24.m.1.weight", anchor * 7 + 5));
  }
  const graph::Graph eight = models::build("yolov8n", {{"cat", "dog"}, 64, 2, 1});
  const graph::Graph start8 = started("yolov8n", saved(eight), {"dog", "cat"});
  EXPECT_EQ(row(start8, "model.22.cv3.0.2.weight", 0), row(eight, "model.22.cv3.0.2.weight", 1));
  EXPECT_EQ(row(start8, "model.22.cv2.0.2.weight", 9), row(eight, "model.22.cv2.0.2.weight", 9));
}

/// A float file without batch norms, whose statistics were other than those of a new model's.
graph::Graph folded_model() {
  graph::Graph graph = models::build("yolov8n-cls", {{"cat", "dog"}, 64, 2, 1});
  for (auto& [name, weight] : graph.weights) {
    Rng rng(3, name);
    if (name.ends_with("running_mean") || name.ends_with("bn.bias")) {
      for (float& x : weight.value.mutable_values<float>()) x = static_cast<float>(rng.uniform(-0.3, 0.3));
    } else if (name.ends_with("running_var") || name.ends_with("bn.weight")) {
      for (float& x : weight.value.mutable_values<float>()) x = static_cast<float>(rng.uniform(0.5, 1.5));
    }
  }
  return graph::fold_batch_norms(std::move(graph));
}

std::vector<float> outputs(const graph::Graph& graph, const torch::Tensor& images, bool training) {
  const torch::NoGradGuard no_gradient;
  nn::GraphModule module(graph);
  module.train(training);
  const Tensor out = nn::to_host(module.forward(images)[0]);
  return {out.values<float>().begin(), out.values<float>().end()};
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(static_cast<double>(a[i]) - b.at(i)));
  return most;
}

// Once training went on without batch norms.
TEST_F(Start, FoldedWeightsGetBatchNormsThatComputeTheSame) {
  const graph::Graph folded = folded_model();
  const data::Splits shapes = data::open_shapes({.imgsz = 64, .train_images = 300, .test_images = 64});
  const Json settings = config::model_options().checked(
      {{"model", "yolov8n-cls"}, {"pretrained", saved(folded)}, {"imgsz", 64}, {"auto_anchor", false}}, "t");
  data::PixelStore store{64, 64, {}, {}, {"cat", "dog"}};
  for (int64_t i = 0; i < 300; ++i) {
    const Tensor pixels = shapes.train->at(i).pixels;
    store.pixels.insert(store.pixels.end(), pixels.values<uint8_t>().begin(), pixels.values<uint8_t>().end());
    store.labels.push_back(static_cast<int32_t>(i % 2));
  }
  const auto images = std::make_shared<data::MemoryDataset>(std::move(store));
  const graph::Graph start =
      with_batch_norms(starting_graph(settings, {"made", images, images}, 7, "/", {}), *images, {});
  const graph::Graph fresh = models::build("yolov8n-cls", {{"cat", "dog"}, 64, 2, 7});
  ASSERT_EQ(start.weights.size(), fresh.weights.size());
  for (const auto& [name, weight] : fresh.weights) {
    EXPECT_EQ(start.weights.at(name).value.shape(), weight.value.shape()) << name;
  }
  std::vector<uint8_t> pixels;
  for (int64_t i = 0; i < 64; ++i) {
    const Tensor one = images->at(i).pixels;
    pixels.insert(pixels.end(), one.values<uint8_t>().begin(), one.values<uint8_t>().end());
  }
  const torch::Tensor batch = at::from_blob(pixels.data(), {64, 64, 64, 3}, at::kByte).permute({0, 3, 1, 2});
  const std::vector<float> wanted = outputs(folded, batch, false);
  const double spread = *std::ranges::max_element(wanted) - *std::ranges::min_element(wanted);
  EXPECT_LT(largest_difference(outputs(start, batch, false), wanted), 1e-4 * spread);
  // While training, by the batch's own statistics: the same function but for what 64 images differ from 256.
  EXPECT_LT(largest_difference(outputs(start, batch, true), wanted), 0.5 * spread);
  graph::Graph identity = fresh;  // what it is not: a model whose batch norms start as identity
  for (auto& [name, weight] : identity.weights) {
    if (folded.weights.contains(name)) weight.value = folded.weights.at(name).value;
  }
  EXPECT_GT(largest_difference(outputs(identity, batch, true), wanted), spread);
}

TEST_F(Start, NormalisationOfTheInputIsTakenOver) {
  const graph::Graph given =
      graph::normalize_input(built("yolov5n-cls", {"cat", "dog"}, 1), {{0.5, 0.4, 0.3}, {2, 3, 4}});
  const graph::Graph start = started("yolov5n-cls", saved(given), {"cat", "dog"});
  ASSERT_NE(graph::input_normalization(start), nullptr);
  EXPECT_EQ(start.weights.at("normalize.weight").value, given.weights.at("normalize.weight").value);
  EXPECT_EQ(start.weights.at("normalize.bias").value, given.weights.at("normalize.bias").value);
  // Training leaves it as it is.
  nn::GraphModule module(start);
  EXPECT_FALSE(module.parameters().contains("normalize.weight"));
  EXPECT_FALSE(module.parameters().contains("normalize.bias"));
  EXPECT_FALSE(module.buffers().contains("normalize.weight"));
  EXPECT_TRUE(module.graph() == start);
}

TEST_F(Start, TheWayToPreparePicturesIsTakenOver) {
  graph::Graph given = built("yolov5n-cls", {"cat", "dog"}, 1);
  EXPECT_TRUE(models::preparation_of(started("yolov5n-cls", saved(given), {"cat", "dog"})).is_own());
  const pixels::Preparation wanted{pixels::Shaping::short_side, pixels::Resampling::bilinear_antialias, 256, 224};
  models::set_preparation(given, wanted);
  EXPECT_EQ(models::preparation_of(started("yolov5n-cls", saved(given), {"cat", "dog"})), wanted);
}

// A step sees pictures as its model wants them; one that trains, small ones as they are.
TEST_F(Start, StepsGetPicturesPrepared) {
  graph::Graph graph = built("yolov5n-cls", {"cat", "dog"}, 1);
  data::PixelStore large{60, 90, std::vector<uint8_t>(60 * 90 * 3), {0}, {"cat", "dog"}};
  for (size_t i = 0; i < large.pixels.size(); ++i) large.pixels[i] = static_cast<uint8_t>(i * i * 31);
  data::PixelStore small{20, 30, std::vector<uint8_t>(20 * 30 * 3, 7), {0}, {"cat", "dog"}};
  const data::Splits data{"made", std::make_shared<data::MemoryDataset>(small),
                          std::make_shared<data::MemoryDataset>(large)};
  data::Splits seen;
  Registry registry;
  const methods::StepTable table = methods::step_table();
  for (const char* name : {"quantize", "finetune"}) {
    registry.add(table.require(name, "t"), [&](const StepInput& input) {
      seen = *input.data;
      EXPECT_EQ(seen.test->digest(), data.test->digest());
      return input.model.graph;
    });
  }
  const auto run = [&](const char* step) {
    const graph::ModelFile model{"m", "", "", graph};
    const Json settings = table.require(step, "t").options("classify").checked(Json::object(), "t");
    registry.run(step, {model, settings, &data, folder_, train::Resume::never, LogSink(), CancelToken()});
  };
  run("quantize");
  EXPECT_EQ(seen.test, data.test) << "quench's own way: the data as they are";
  const pixels::Preparation wanted{.resampling = pixels::Resampling::bicubic_antialias};
  models::set_preparation(graph, wanted);
  run("quantize");
  EXPECT_EQ(seen.test->at(0).pixels, pixels::fit_image(data.test->at(0).pixels, 32, wanted));
  EXPECT_EQ(seen.train->at(0).pixels.shape(), (Shape{32, 32, 3}));
  run("finetune");
  EXPECT_EQ(seen.test->at(0).pixels.shape(), (Shape{32, 32, 3}));
  EXPECT_EQ(seen.train->at(0).pixels.shape(), (Shape{20, 30, 3})) << "augmented at its own size";
}

// A classifier from a detector's backbone, and the other way; the head starts anew.
TEST_F(Start, RowsBeforeTheHeadServeTheOtherTask) {
  for (const auto& [from, to, head] :
       {std::tuple("yolov5n", "yolov5n-cls", "model.9.linear.weight"),
        std::tuple("yolov8n-cls", "yolov8n", "model.22.cv3.0.2.weight"),
        std::tuple("yolov5:d0.33w0.3", "yolov5-cls:d0.33w0.3", "model.9.linear.weight")}) {
    const graph::Graph given = built(from, {"cat", "dog"}, 1);
    const graph::Graph start = started(to, saved(given), {"cat", "dog"});
    EXPECT_EQ(start.metadata.at("model"), to);
    int shared = 0;
    for (const auto& [name, weight] : start.weights) {
      const bool backbone = name.starts_with("model.") && name[7] == '.' && name[6] < '9';
      if (!backbone) continue;
      EXPECT_EQ(weight.value, given.weights.at(name).value) << name;
      ++shared;
    }
    EXPECT_GT(shared, 100);
    const graph::Graph fresh = models::build(to, {{"cat", "dog"}, 64, 2, 7});
    EXPECT_EQ(start.weights.at(head).value, fresh.weights.at(head).value);
  }
  const std::string small = saved(built("yolov8s", {"cat", "dog"}, 1));
  EXPECT_NE(refused("yolov8n-cls", small, {"cat", "dog"}).find("those of yolov8s"), std::string::npos);
  EXPECT_NE(refused("yolov5n-cls", small, {"cat", "dog"}).find("those of yolov8s"), std::string::npos);
}

TEST_F(Start, RefusesWhatIsNoStart) {
  const graph::Graph given = built("yolov5n-cls", {"cat", "dog"}, 1);
  EXPECT_NE(refused("yolov8n-cls", saved(given), {"cat", "dog"}).find("those of yolov5n-cls"), std::string::npos);
  graph::Graph quantized = graph::fold_batch_norms(given);
  quantized.edge(quantized.nodes[0].outputs[0]).quant = graph::QuantParams{DType::u8, 8, {0.1f}, {0}, -1};
  EXPECT_NE(refused("yolov5n-cls", saved(quantized), {"cat", "dog"}).find("quantized"), std::string::npos);
}

}  // namespace
}  // namespace quench::steps
