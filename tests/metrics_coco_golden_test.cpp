// COCO's evaluation against pycocotools 2.0: detections of released models on COCO128, and the figures it printed.
#include <gtest/gtest.h>

#include <filesystem>

#include "core/json.h"
#include "metrics/coco_json.h"

namespace quench::metrics {
namespace {

namespace fs = std::filesystem;

const fs::path kShared = fs::path(QUENCH_SOURCE_DIR) / ".." / "shared" / "data";

class CocoGolden : public testing::TestWithParam<const char*> {};

TEST_P(CocoGolden, EveryFigureOfPycocotools) {
  const fs::path annotations = kShared / "coco128/annotations/instances_coco128.json";
  const fs::path detections = kShared / "golden" / (std::string(GetParam()) + ".detections.json.gz");
  const fs::path stats = kShared / "golden" / (std::string(GetParam()) + ".stats.json");
  for (const fs::path& path : {annotations, detections, stats}) {
    if (!fs::exists(path)) GTEST_SKIP() << "no golden file " << path;
  }
  const CocoInstances instances = read_coco_instances(annotations);
  const CocoResult result = evaluate(instances, read_coco_detections(detections));
  const Json expected = read_json(stats);
  const std::pair<const char*, std::optional<double>> named[] = {
      {"ap", result.map_50_95},       {"ap50", result.map_50},        {"ap75", result.map_75},
      {"ap95", result.map_95},        {"ap_small", result.map_small}, {"ap_medium", result.map_medium},
      {"ap_large", result.map_large}, {"ar1", result.ar_1},           {"ar10", result.ar_10},
      {"ar100", result.ar_100},
  };
  for (const auto& [name, value] : named) {
    ASSERT_TRUE(value) << name;
    EXPECT_NEAR(*value, expected.at(name).get<double>(), 1e-12) << name;  // sums of some 1e5 terms, in another order
  }
  EXPECT_EQ(static_cast<double>(result.detections), expected.at("detections").get<double>());
  EXPECT_EQ(result.unknown, 0);
  EXPECT_EQ(result.invalid, 0);
  EXPECT_EQ(result.images, 128);
  EXPECT_EQ(result.crowds, 10);
  EXPECT_EQ(result.truths, 929);
  EXPECT_EQ(result.classes.size(), 80u);
}

INSTANTIATE_TEST_SUITE_P(Coco128, CocoGolden,
                         testing::Values("yolov5n_coco128_square", "yolov5n_coco128_rect",
                                         "yolov8n_fused_coco128_square"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace quench::metrics
