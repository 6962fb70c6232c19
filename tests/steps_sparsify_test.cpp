// Zeros outlast what comes after: training by any optimizer, averages, batch norms anew, kills, quantization, files.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "config/tables.h"
#include "error_testing.h"
#include "graph/onnx_read.h"
#include "graph/onnx_write.h"
#include "graph/op_traits.h"
#include "graph/passes.h"
#include "graph/sparse_layers.h"
#include "models/spec.h"
#include "sparsity_testing.h"
#include "steps/step.h"
#include "train_samples.h"

namespace quench::steps {
namespace {

namespace fs = std::filesystem;
using Chain = std::vector<methods::ChainStep>;

class Sparsify : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("quench-sparsify-{}", ::getpid());
    fs::remove_all(folder_);
    model_.graph = models::build("yolov5n-cls", {.classes = data_.train->classes(), .imgsz = 32, .stem_stride = 1});
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// The model that a chain makes of another.
  graph::Graph run(const graph::Graph& start, const Chain& given, const std::string& folder = "w",
                   bool resume = false) {
    const methods::Method method{"m", "", given};
    const Chain chain = methods::effective_steps(method, registry_.table(), kind_of(start), Json(), "t");
    graph::ModelFile model = model_;
    model.graph = start;
    return run_chain(registry_, model, chain,
                     {model, Json(), &data_, folder_ / folder, resume ? train::Resume::or_fail : train::Resume::never,
                      log_, *cancel_});
  }
  static methods::ChainStep finetune(Json more = Json::object()) {
    Json settings{{"epochs", 2},          {"batch", 16},        {"lr", 0.05},
                  {"weight_decay", 0.01}, {"warmup_epochs", 0}, {"threads", 1}};
    settings.update(more);
    return {"finetune", settings};
  }
  static methods::ChainStep sparsify(const std::string& pattern) {
    return {"sparsify", pattern.find(':') == std::string::npos ? Json{{"pattern", pattern}, {"sparsity", 0.6}}
                                                               : Json{{"pattern", pattern}}};
  }

  /// Weights of convolutions and linear layers that differ, of those that are not zero in the first.
  static double moved(const graph::Graph& before, const graph::Graph& after) {
    int64_t all = 0, changed = 0;
    for (const auto& [name, layer] : graph::sparse_layers(before)) {
      const auto old = before.weights.at(name + ".weight").value.values<float>();
      const auto now = after.weights.at(name + ".weight").value.values<float>();
      for (size_t i = 0; i < old.size(); ++i) {
        all += old[i] != 0;
        changed += old[i] != 0 && now[i] != old[i];
      }
    }
    return static_cast<double>(changed) / static_cast<double>(all);
  }

  data::Splits data_ = train::samples::tiny_shapes(32, 64, 20);
  fs::path folder_;
  graph::ModelFile model_;
  Registry registry_ = registry();
  LogSink log_{nullptr, nullptr};
  std::unique_ptr<CancelToken> cancel_ = std::make_unique<CancelToken>();
};

TEST_F(Sparsify, TrainingHoldsTheZerosWhateverTheOptimizer) {
  for (const char* pattern : {"unstructured", "kernel", "2:4"}) {
    const graph::Graph sparse = run(model_.graph, {sparsify(pattern)});
    for (const Json& settings :
         {Json{{"optimizer", "sgd"}, {"ema", true}}, Json{{"optimizer", "adamw"}, {"ema", false}, {"lr", 0.002}}}) {
      const graph::Graph tuned =
          run(sparse, {finetune(settings)}, std::string(pattern) + settings["optimizer"].get<std::string>());
      EXPECT_TRUE(zeros_stay(sparse, tuned)) << pattern << " " << settings;
      EXPECT_GT(moved(sparse, tuned), 0.9) << "the others train";
      EXPECT_EQ(graph::sparse_layers(tuned), graph::sparse_layers(sparse));
    }
  }
  graph::Graph unsaid = run(model_.graph, {sparsify("2:4")});
  const graph::Graph sparse = unsaid;
  unsaid.metadata.erase("sparse");
  EXPECT_FALSE(zeros_stay(sparse, run(unsaid, {finetune()}, "unsaid"))) << "it is the metadata that hold them";
}

TEST_F(Sparsify, BlocksByTrainingImagesStayThroughTrainingAndQuantization) {
  const methods::ChainStep blocks{
      "sparsify", {{"pattern", "16x4"}, {"sparsity", 0.6}, {"criterion", "taylor"}, {"calibration_images", 32}}};
  const graph::Graph sparse = run(model_.graph, {blocks});
  const Json told = parse_json(sparse.metadata.at("sparse_criterion"), "t");
  EXPECT_EQ(told["calibration_images"], 32);
  EXPECT_EQ(told["calibration_batch"], 8);
  EXPECT_EQ(told["calibration_sha256"].get<std::string>().size(), 64u);
  EXPECT_FALSE(sparse == run(model_.graph, {sparsify("16x4")}, "m")) << "images choose others than magnitude";
  const graph::Graph tuned = run(sparse, {finetune({{"epochs", 1}})}, "t");
  EXPECT_TRUE(zeros_stay(sparse, tuned));
  const graph::Graph integers = run(tuned, {{"quantize", {{"calibration_images", 16}}}}, "q");
  EXPECT_TRUE(zeros_stay(graph::fold_batch_norms(sparse), integers));
}

TEST_F(Sparsify, AFoldedModelWithNewBatchNormsHoldsThem) {
  const graph::Graph sparse = graph::fold_batch_norms(run(model_.graph, {sparsify("2:4")}));
  const graph::Graph tuned = run(sparse, {finetune({{"epochs", 1}})});
  ASSERT_TRUE(std::ranges::any_of(tuned.nodes, [](const auto& node) { return node.op == graph::Op::batch_norm; }));
  EXPECT_TRUE(zeros_stay(sparse, tuned));
  EXPECT_TRUE(zeros_stay(sparse, graph::fold_batch_norms(tuned)));
}

TEST_F(Sparsify, QuantizedTrainedAndConvertedTheIntegersHoldThem) {
  const Json few{{"calibration_images", 16}};
  Json narrow = few;
  narrow["layer_bits"] = {"model.1.conv=w4"};
  for (const Json& quantize : {few, narrow}) {
    const graph::Graph sparse = run(model_.graph, {sparsify("2:4"), finetune({{"epochs", 1}})}, "f");
    const graph::Graph made = run(sparse, {{"quantize", quantize}, finetune({{"epochs", 1}})}, "q");
    const graph::Graph read = graph::read_onnx(graph::write_onnx(made), "t");
    EXPECT_TRUE(kind_of(read).integers && kind_of(read).sparse);
    EXPECT_TRUE(zeros_stay(sparse, read));
    int layers = 0;
    for (const auto& [name, layer] : graph::sparse_layers(read)) {
      const Tensor& value = read.weights.at(name + ".weight").value;
      layers += value.dtype() == DType::i8;
      EXPECT_TRUE(holds_n_of_m(value, 2, 4)) << name;
    }
    EXPECT_GT(layers, 10);
    // From the integers on: those that are zero stay.
    const graph::Graph further = run(read, {finetune({{"epochs", 1}})}, "i");
    EXPECT_TRUE(zeros_stay(read, further));
    fs::remove_all(folder_);
  }
}

TEST_F(Sparsify, StoppedAndResumedEqualsStraight) {
  const graph::Graph sparse = run(model_.graph, {sparsify("unstructured")});
  const Chain chain{finetune({{"epochs", 3}})};
  const graph::Graph straight = run(sparse, chain, "straight");
  log_.message = [&](LogLevel, std::string_view text) {
    if (text.starts_with("epoch 1/")) cancel_->cancel();
  };
  EXPECT_EQ(error_of([&] { run(sparse, chain, "stopped", true); }).first, ErrorKind::cancelled);
  log_.message = nullptr;
  cancel_ = std::make_unique<CancelToken>();
  const graph::Graph resumed = run(sparse, chain, "stopped", true);
  EXPECT_TRUE(resumed == straight);
  EXPECT_TRUE(zeros_stay(sparse, resumed));
}

TEST_F(Sparsify, ARunOfADenseModelIsNotTakenUpAsASparseOne) {
  const graph::Graph sparse = run(model_.graph, {sparsify("2:4")});
  run(sparse, {finetune({{"epochs", 1}})}, "one");
  graph::Graph unsaid = sparse;
  unsaid.metadata.erase("sparse");
  EXPECT_EQ(error_of([&] { run(unsaid, {finetune({{"epochs", 1}})}, "one", true); }).first, ErrorKind::config);
}

TEST_F(Sparsify, ChainsThatCannotBeAreRefused) {
  const Chain sparse{sparsify("2:4")};
  Chain pruned = sparse, late{{"quantize", Json::object()}, sparsify("2:4")};
  pruned.push_back({"prune", {{"ratio", 0.5}}});
  EXPECT_NE(error_of([&] { run(model_.graph, pruned); }).second.find("prune first"), std::string::npos);
  EXPECT_NE(error_of([&] { run(model_.graph, late); }).second.find("float model"), std::string::npos);
  const graph::Graph made = run(model_.graph, sparse);
  EXPECT_EQ(error_of([&] { run(made, {{"prune", {{"ratio", 0.5}}}}); }).first, ErrorKind::config);
}

}  // namespace
}  // namespace quench::steps
