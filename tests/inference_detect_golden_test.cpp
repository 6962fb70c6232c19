// Released detectors, end to end: imported weights, letterbox, forward pass, decoding, NMS, COCO's metric, against
// figures that the original implementations and pycocotools made (../shared/data/golden).

#include <gtest/gtest.h>

#include <filesystem>

#include "core/file.h"
#include "core/hash.h"
#include "core/json.h"
#include "data/sets/dataset.h"
#include "graph/onnx_write.h"
#include "inference/evaluate.h"
#include "inference/registry.h"
#include "weights/import.h"

namespace quench::inference {
namespace {

namespace fs = std::filesystem;

const fs::path kShared = fs::path(QUENCH_SOURCE_DIR) / ".." / "shared" / "data";

constexpr double kTolerance = 0.002;

struct Case {
  const char* weights;
  const char* stats;
  double iou;
  bool rect;
};

class DetectGolden : public testing::TestWithParam<std::tuple<Case, const char*>> {};

graph::ModelFile as_file(const graph::Graph& graph) {
  graph::ModelFile file{"imported.onnx", graph::write_onnx(graph), "", graph};
  file.sha256 = sha256_hex(file.bytes);
  return file;
}

TEST_P(DetectGolden, MapIsThePublishedOne) {
  const auto& [golden, runtime_name] = GetParam();
  if (!fs::exists(kShared / "weights" / golden.weights)) GTEST_SKIP() << "needs " << kShared / "weights";
  const runtime::Registry registry = full_registry();
  const runtime::Runtime& runtime = registry.require(runtime_name);
  const graph::ModelFile model = as_file(weights::import_file(kShared / "weights" / golden.weights, {}));
  const data::Splits data =
      data::open((kShared / "coco128/annotations/instances_coco128.json").string(), "/nonexistent");
  ASSERT_EQ(data.test->size(), 128);
  Engine engine(runtime, model, {.threads = 2});
  EvaluateOptions options;
  options.settings = {{"iou", golden.iou}, {"rect", golden.rect}};
  const score::Evaluation evaluation = evaluate(engine, *data.test, options, {}, {});
  const Json stats = read_json(kShared / "golden" / golden.stats);
  EXPECT_NEAR(score::score_of(evaluation.scores, "map_50_95"), stats["ap"].get<double>(), kTolerance);
  EXPECT_NEAR(score::score_of(evaluation.scores, "map_50"), stats["ap50"].get<double>(), 1.5 * kTolerance);
  RecordProperty("map_50_95", fmt::format("{:.4f}", score::score_of(evaluation.scores, "map_50_95")));
  std::cout << "map_50_95 " << score::score_of(evaluation.scores, "map_50_95") << " (golden " << stats["ap"]
            << "), map_50 " << score::score_of(evaluation.scores, "map_50") << " (golden " << stats["ap50"] << ")\n";
}

INSTANTIATE_TEST_SUITE_P(
    Released, DetectGolden,
    testing::Combine(testing::Values(Case{"yolov5n.pt", "yolov5n_coco128_square.stats.json", 0.6, false},
                                     Case{"yolov5n.pt", "yolov5n_coco128_rect.stats.json", 0.6, true},
                                     Case{"yolov8n_fused.safetensors", "yolov8n_fused_coco128_square.stats.json", 0.7,
                                          false}),
                     testing::Values("torch", "onnxruntime")));

}  // namespace
}  // namespace quench::inference
