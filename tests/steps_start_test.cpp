// What training starts from: names of the data, tensors of the file, rows of the head by class names.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "config/tables.h"
#include "core/error.h"
#include "data/sets/memory_dataset.h"
#include "graph/onnx_write.h"
#include "graph/passes.h"
#include "models/spec.h"
#include "steps/start.h"

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

TEST_F(Start, FoldedWeightsAreAllTakenOver) {
  const graph::Graph folded = graph::fold_batch_norms(built("yolov8n-cls", {"cat", "dog"}, 1));
  const graph::Graph start = started("yolov8n-cls", saved(folded), {"cat", "dog"});
  ASSERT_EQ(start.weights.size(), folded.weights.size());
  for (const auto& [name, weight] : folded.weights) EXPECT_EQ(start.weights.at(name).value, weight.value) << name;
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
