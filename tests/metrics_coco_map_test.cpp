// COCO's evaluation: cases computed by hand, and odd input.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "metrics/coco_map.h"
#include "metrics_coco_samples.h"

namespace quench::metrics {
namespace {

using samples::evaluate;
using samples::Scene;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
// COCOeval adds 2^-52 to the denominator of precision, so that one right detection has 1 - 2^-52.
constexpr double kTiny = 1e-12;

CocoTruth truth(double x, double y, double w, double h, int64_t image = 1, int64_t category = 1) {
  return {image, category, x, y, w, h, w * h, false};
}
CocoTruth crowd(double x, double y, double w, double h) {
  CocoTruth box = truth(x, y, w, h);
  box.crowd = true;
  return box;
}
CocoDetection found(double score, double x, double y, double w, double h, int64_t image = 1, int64_t category = 1) {
  return {image, category, x, y, w, h, score};
}
CocoResult of(std::vector<CocoTruth> truths, std::vector<CocoDetection> detections) {
  return evaluate({{{1, "thing"}}, std::move(truths), std::move(detections)});
}

TEST(CocoMap, PrecisionAndRecallByHand) {
  // Right, wrong, right: precision 1 up to recall .5 (51 of 101 recalls), 2/3 beyond.
  const CocoResult result = of({truth(0, 0, 10, 10), truth(50, 50, 10, 10)},
                               {found(0.7, 50, 50, 10, 10), found(0.9, 0, 0, 10, 10), found(0.8, 200, 200, 10, 10)});
  const double ap = (51 + 50 * 2.0 / 3) / 101;
  EXPECT_NEAR(*result.map_50_95, ap, kTiny);
  EXPECT_NEAR(*result.map_50, ap, kTiny);
  EXPECT_NEAR(*result.map_75, ap, kTiny);
  EXPECT_NEAR(*result.map_95, ap, kTiny);
  EXPECT_NEAR(*result.map_small, ap, kTiny);
  EXPECT_EQ(result.map_medium, std::nullopt);
  EXPECT_EQ(result.map_large, std::nullopt);
  EXPECT_EQ(result.ar_1, 0.5);
  EXPECT_EQ(result.ar_10, 1);
  EXPECT_EQ(result.ar_100, 1);
  EXPECT_EQ(result.ar_small, 1);
  EXPECT_EQ(result.ar_large, std::nullopt);
  EXPECT_EQ(result.images, 1);
  EXPECT_EQ(result.truths, 2);
  EXPECT_EQ(result.detections, 3);
  ASSERT_EQ(result.classes.size(), 1u);
  EXPECT_EQ(result.classes[0].name, "thing");
  EXPECT_NEAR(*result.classes[0].ap, ap, kTiny);
  EXPECT_EQ(result.classes[0].truths, 2);
  EXPECT_EQ(result.classes[0].detections, 3);
}

TEST(CocoMap, ThresholdsByHand) {
  // IoU 62/100: at .50, .55 and .60 alone.
  const CocoResult result = of({truth(0, 0, 100, 100)}, {found(0.9, 0, 0, 62, 100)});
  EXPECT_NEAR(*result.map_50_95, 0.3, kTiny);
  EXPECT_NEAR(*result.map_50, 1, kTiny);
  EXPECT_EQ(result.map_75, 0);
  EXPECT_EQ(result.map_95, 0);
  EXPECT_NEAR(*result.ar_100, 0.3, kTiny);
  // An IoU at the threshold counts.
  EXPECT_NEAR(*of({truth(0, 0, 100, 100)}, {found(0.9, 0, 0, 50, 100)}).map_50_95, 0.1, kTiny);
  EXPECT_EQ(of({truth(0, 0, 100, 100)}, {found(0.9, 0, 0, 49.9, 100)}).map_50_95, 0);
}

TEST(CocoMap, SecondDetectionOfABoxIsWrong) {
  const CocoResult result = of({truth(0, 0, 10, 10), truth(50, 50, 10, 10)},
                               {found(0.9, 0, 0, 10, 10), found(0.8, 0, 0, 10, 10), found(0.7, 50, 50, 10, 10)});
  EXPECT_NEAR(*result.map_50, (51 + 50 * 2.0 / 3) / 101, kTiny);
}

TEST(CocoMap, EachDetectionTakesTheBoxOfHighestIou) {
  // Both overlap with both boxes (IoU 8/12 with the further one). The first takes its own and leaves the other.
  const CocoResult result =
      of({truth(0, 0, 10, 10), truth(2, 0, 10, 10)}, {found(0.9, 2, 0, 10, 10), found(0.8, 0, 0, 10, 10)});
  EXPECT_NEAR(*result.map_95, 1, kTiny);
}

TEST(CocoMap, DetectionsInACrowdCountForNothing) {
  // Small boxes in the crowd overlap with it by their own area; many may.
  const std::vector<CocoTruth> truths{truth(200, 0, 10, 10), crowd(0, 0, 100, 100)};
  std::vector<CocoDetection> detections{found(0.5, 200, 0, 10, 10)};
  for (int i = 0; i < 9; ++i) detections.push_back(found(0.9, 10.0 * i, 10, 10, 10));
  CocoResult result = of(truths, detections);
  EXPECT_NEAR(*result.map_50_95, 1, kTiny);
  EXPECT_EQ(result.truths, 1);
  EXPECT_EQ(result.crowds, 1);
  // Without the crowd they are wrong: precision 1/10.
  result = of({truths[0]}, detections);
  EXPECT_NEAR(*result.map_50_95, 0.1, kTiny);
  // Half in the crowd (IoU .5 of the detection's area): nothing at .50, wrong above.
  result = of(truths, {found(0.9, 95, 0, 10, 10), found(0.5, 200, 0, 10, 10)});
  EXPECT_NEAR(*result.map_50, 1, kTiny);
  EXPECT_NEAR(*result.map_75, 0.5, kTiny);
}

TEST(CocoMap, ABoxGoesBeforeACrowdOfHigherIou) {
  // IoU .62 with the box, 1 with the crowd around it: right where .62 is enough, else nothing.
  const CocoResult result = of({crowd(0, 0, 100, 100), truth(0, 0, 100, 100)}, {found(0.9, 0, 0, 62, 100)});
  EXPECT_NEAR(*result.map_50_95, 0.3, kTiny);
  // A crowd alone leaves nothing to find.
  EXPECT_EQ(of({crowd(0, 0, 100, 100)}, {found(0.9, 0, 0, 62, 100)}).map_50_95, std::nullopt);
}

TEST(CocoMap, SizesByHand) {
  // 20^2 small, 50^2 medium, 200^2 large; a wrong box of medium size hurts medium alone.
  const CocoResult result = of(
      {truth(0, 0, 20, 20), truth(100, 0, 50, 50), truth(0, 200, 200, 200)},
      {found(0.6, 0, 0, 20, 20), found(0.7, 100, 0, 50, 50), found(0.8, 0, 200, 200, 200), found(0.9, 400, 0, 50, 50)});
  EXPECT_NEAR(*result.map_small, 1, kTiny);
  EXPECT_NEAR(*result.map_medium, 0.5, kTiny);
  EXPECT_NEAR(*result.map_large, 1, kTiny);
  EXPECT_NEAR(*result.map_50_95, 0.75, kTiny);  // precision 3/4 at the last, and all before are below it
  EXPECT_EQ(result.ar_small, 1);
  EXPECT_EQ(result.ar_medium, 1);
  // Size is of `area`, not of the box; the bounds belong to both ranges.
  CocoTruth thin = truth(0, 0, 100, 100);
  thin.area = 1024;
  const CocoResult at_bound = of({thin}, {found(0.9, 0, 0, 100, 100)});
  EXPECT_NEAR(*at_bound.map_small, 1, kTiny);
  EXPECT_NEAR(*at_bound.map_medium, 1, kTiny);
  EXPECT_EQ(at_bound.map_large, std::nullopt);
}

TEST(CocoMap, BestHundredOfAnImageAndClass) {
  std::vector<CocoDetection> detections;
  for (int i = 0; i < 99; ++i) detections.push_back(found(0.9, 300, 300, 10, 10));
  detections.push_back(found(0.5, 0, 0, 10, 10));
  EXPECT_NEAR(*of({truth(0, 0, 10, 10)}, detections).map_50, 0.01, kTiny);
  EXPECT_EQ(of({truth(0, 0, 10, 10)}, detections).ar_10, 0);
  detections.insert(detections.begin(), found(0.6, 300, 300, 10, 10));
  EXPECT_EQ(of({truth(0, 0, 10, 10)}, detections).map_50, 0);
  // Other classes and images have their own hundred.
  detections.back().category_id = 2;
  EXPECT_NEAR(*evaluate({{{1, ""}, {2, ""}}, {truth(0, 0, 10, 10, 1, 2)}, detections}).map_50, 1, kTiny);
}

TEST(CocoMap, EqualScoresKeepTheOrderOfAdding) {
  const CocoDetection right = found(0.5, 0, 0, 10, 10), wrong = found(0.5, 300, 300, 10, 10);
  EXPECT_NEAR(*of({truth(0, 0, 10, 10)}, {right, wrong}).map_50, 1, kTiny);
  EXPECT_NEAR(*of({truth(0, 0, 10, 10)}, {wrong, right}).map_50, 0.5, kTiny);
}

TEST(CocoMap, MeansAreOverClassesWithTruths) {
  const CocoResult result = evaluate({{{5, "never"}, {2, "found"}, {9, "missed"}, {7, "imagined"}},
                                      {truth(0, 0, 10, 10, 1, 2), truth(0, 0, 10, 10, 1, 9)},
                                      {found(0.9, 0, 0, 10, 10, 1, 2), found(0.9, 0, 0, 10, 10, 1, 7)}});
  EXPECT_NEAR(*result.map_50_95, 0.5, kTiny);
  ASSERT_EQ(result.classes.size(), 4u);
  EXPECT_EQ(result.classes[0].name, "found");  // by id
  EXPECT_EQ(result.classes[1].ap, std::nullopt);
  EXPECT_EQ(result.classes[2].name, "imagined");
  EXPECT_EQ(result.classes[2].ap, std::nullopt);
  EXPECT_EQ(result.classes[2].detections, 1);
  EXPECT_EQ(result.classes[3].ap, 0);
}

TEST(CocoMap, NothingToMeasure) {
  for (const auto& [name, value] : figures(evaluate({{}, {}, {}}))) EXPECT_EQ(value, std::nullopt) << name;
  for (const auto& [name, value] : figures(of({}, {found(0.9, 0, 0, 10, 10)}))) EXPECT_EQ(value, std::nullopt) << name;
  const CocoResult no_detections = of({truth(0, 0, 10, 10)}, {});
  EXPECT_EQ(no_detections.map_50_95, 0);
  EXPECT_EQ(no_detections.ar_100, 0);
  EXPECT_EQ(no_detections.map_large, std::nullopt);
  CocoEvaluation images({{1, ""}});
  for (const int64_t id : {3, 1, 3, 2, 1}) images.add_image(id);
  EXPECT_EQ(images.evaluate().images, 3);
}

TEST(CocoMap, NotFiniteDetectionsAreDroppedAndCounted) {
  const CocoResult result = of({truth(0, 0, 10, 10)},
                               {found(kNan, 0, 0, 10, 10), found(0.9, 0, 0, kNan, 10), found(kInfinity, 300, 0, 10, 10),
                                found(0.9, -kInfinity, 0, 10, 10), found(0.5, 0, 0, 10, 10)});
  EXPECT_EQ(result.invalid, 4);
  EXPECT_EQ(result.detections, 1);
  EXPECT_NEAR(*result.map_50_95, 1, kTiny);
}

TEST(CocoMap, UnknownCategoriesAreLeftOutAndCounted) {
  const CocoResult result = of({truth(0, 0, 10, 10), truth(0, 0, 10, 10, 1, 80)}, {found(0.9, 0, 0, 10, 10, 1, 0)});
  EXPECT_EQ(result.unknown, 1);
  EXPECT_EQ(result.detections, 0);
  EXPECT_EQ(result.truths, 1);
  EXPECT_EQ(result.map_50, 0);
}

TEST(CocoMap, BadInputIsAnError) {
  EXPECT_THROW(CocoEvaluation({{1, "a"}, {2, "b"}, {1, "c"}}), Error);
  CocoEvaluation evaluation({{1, ""}});
  EXPECT_THROW(evaluation.add_truth(truth(0, 0, kNan, 10)), Error);
  CocoTruth no_area = truth(0, 0, 10, 10);
  no_area.area = kInfinity;
  EXPECT_THROW(evaluation.add_truth(no_area), Error);
}

TEST(CocoMap, OddBoxes) {
  // Empty boxes overlap with nothing; a negative width makes an area out of every range: counts for nothing.
  const CocoResult empty = of({truth(5, 5, 0, 0)}, {found(0.9, 5, 5, 0, 0)});
  EXPECT_EQ(empty.map_50_95, 0);
  EXPECT_EQ(empty.truths, 1);
  EXPECT_NEAR(*of({truth(0, 0, 10, 10)}, {found(0.9, 20, 20, -5, 10), found(0.8, 0, 0, 10, 10)}).map_50, 1, kTiny);
  const double huge = 1e200;  // areas overflow
  EXPECT_EQ(of({truth(0, 0, 10, 10)}, {found(0.9, -huge, -huge, 2 * huge, 2 * huge)}).map_50, 0);
  EXPECT_NO_THROW(of({{1, 1, -huge, -huge, huge, huge, 100, false}}, {found(0.9, -huge, -huge, huge, huge)}));
}

TEST(CocoMap, AHundredThousandBoxesInAnImage) {
  std::vector<CocoTruth> truths;
  std::vector<CocoDetection> detections;
  for (int i = 0; i < 100000; ++i) {
    truths.push_back(truth(20.0 * i, 0, 10, 10));
    detections.push_back(found(1.0 / (1 + i), 20.0 * i, 0, 10, 10));
  }
  const CocoResult result = of(truths, detections);  // the best 100 are all right: recall 1/1000
  EXPECT_NEAR(*result.ar_100, 0.001, kTiny);
  EXPECT_NEAR(*result.map_50_95, 1.0 / 101, kTiny);  // recall 0 alone is reached
  truths.assign(5000, truths.front());               // all at one place: every detection may take every box
  for (CocoDetection& box : detections) box.x = 0;
  EXPECT_NEAR(*of(truths, detections).ar_100, 0.02, kTiny);
}

}  // namespace
}  // namespace quench::metrics
