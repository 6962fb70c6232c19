// mAP of resampled test sets against evaluating each as a data set of its own, by the plain evaluator.
#include <gtest/gtest.h>

#include <cmath>

#include "metrics_coco_plain.h"
#include "metrics_coco_samples.h"
#include "stats/draws.h"
#include "stats/replicates.h"
#include "stats/split.h"

namespace quench::stats {
namespace {

using metrics::CocoDetection;
using metrics::CocoTruth;
using metrics::samples::Scene;

constexpr uint64_t kSeed = 5;
constexpr double kRounding = 1e-9;  // float64 over some hundred terms

/// A scene of images 0, 7, 14, ... whose scores all differ.
Scene scene_of(uint64_t seed, int images) {
  Scene scene = metrics::samples::random_scene(seed, images);
  double shift = 0;
  for (CocoDetection& detection : scene.detections) detection.score += (shift += 1e-6);
  return scene;
}

metrics::CocoOutcomes outcomes_of(const Scene& scene, int images) {
  metrics::CocoEvaluation evaluation(scene.categories);
  for (int64_t image = 1; image <= images; ++image) evaluation.add_image(image * 7);
  for (const CocoTruth& truth : scene.truths) evaluation.add_truth(truth);
  for (const CocoDetection& detection : scene.detections) evaluation.add_detection(detection);
  return evaluation.outcomes();
}

/// The scene in which image i (by index) comes times[i] times, its copies one after the other.
Scene resampled(const Scene& scene, const std::vector<int>& times) {
  Scene result{scene.categories, {}, {}};
  const auto copy = [&](const auto& elements, auto& to) {
    for (auto element : elements) {
      const int64_t index = element.image_id / 7 - 1, first = index * 1000;
      for (int k = 0; k < times[static_cast<size_t>(index)]; ++k) {
        element.image_id = first + k;
        to.push_back(element);
      }
    }
  };
  copy(scene.truths, result.truths);
  copy(scene.detections, result.detections);
  return result;
}

TEST(MapReplicates, EqualEvaluatingEachResampledSetByItself) {
  constexpr int kImages = 6;
  constexpr int kReplicates = 20;  // more than one block of lanes, and no whole number of blocks
  int compared = 0;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const Scene scene = scene_of(seed, kImages);
    const MapReplicates found = map_replicates(outcomes_of(scene, kImages), kReplicates, kSeed, 2);
    ASSERT_EQ(found.map_50_95.resampled.size(), static_cast<size_t>(kReplicates));
    for (int b = 0; b < kReplicates; ++b) {
      const std::vector<float> draws = draw_images(kImages, kSeed, b / kLanes);
      std::vector<int> times;
      for (int i = 0; i < kImages; ++i) times.push_back(static_cast<int>(draws[i * kLanes + b % kLanes]));
      const Scene drawn = resampled(scene, times);
      const metrics::CocoResult plain = metrics::plain::evaluate(drawn.categories, drawn.truths, drawn.detections);
      ASSERT_TRUE(plain.map_50_95.has_value());
      EXPECT_NEAR(found.map_50_95.resampled[b], *plain.map_50_95, kRounding) << seed << " " << b;
      EXPECT_NEAR(found.map_50.resampled[b], *plain.map_50, kRounding);
      EXPECT_NEAR(found.map_75.resampled[b], *plain.map_75, kRounding);
      EXPECT_NEAR(found.map_95.resampled[b], *plain.map_95, kRounding);
      ++compared;
    }
  }
  EXPECT_EQ(compared, 160);
}

TEST(MapReplicates, TheSetItselfHasTheFigureOfTheEvaluation) {
  for (uint64_t seed = 20; seed < 40; ++seed) {
    const Scene scene = metrics::samples::random_scene(seed);  // scores tie here
    const metrics::CocoResult result = metrics::samples::evaluate(scene);
    const MapReplicates found = map_replicates(outcomes_of(scene, 5), 0, kSeed, 1);
    EXPECT_NEAR(found.map_50_95.value, *result.map_50_95, 1e-12);
    EXPECT_NEAR(found.map_95.value, *result.map_95, 1e-12);
    EXPECT_TRUE(found.map_50_95.resampled.empty());
  }
}

TEST(MapReplicates, ThreadsChangeNothing) {
  const metrics::CocoOutcomes outcomes = outcomes_of(scene_of(3, 6), 6);
  const MapReplicates one = map_replicates(outcomes, 50, kSeed, 1), three = map_replicates(outcomes, 50, kSeed, 3);
  EXPECT_EQ(one.map_50_95.resampled, three.map_50_95.resampled);
  EXPECT_EQ(one.map_95.resampled, three.map_95.resampled);
}

TEST(MapReplicates, ASetWithoutTrueBoxesHasNoFigure) {
  // One image of two has a box: of 200 sets about a quarter draw the other one twice.
  Scene scene{{{1, "a"}}, {{7, 1, 0, 0, 10, 10, 100, false}}, {{7, 1, 0, 0, 10, 10, 0.9}}};
  const MapReplicates found = map_replicates(outcomes_of(scene, 2), 200, kSeed, 1);
  int undefined = 0;
  for (const double value : found.map_50.resampled) {
    if (std::isnan(value)) {
      ++undefined;
    } else {
      EXPECT_NEAR(value, 1, 1e-12);
    }
  }
  EXPECT_GT(undefined, 20);
  EXPECT_LT(undefined, 90);
}

TEST(Split, PartsAreEvaluatedAsDataSetsOfTheirOwn) {
  constexpr int kImages = 12;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const Scene scene = scene_of(seed, kImages);
    const Split parts = split({"t", {}, outcomes_of(scene, kImages)});
    EXPECT_EQ(parts.choosing.images(), 3);  // 0, 5 and 10
    EXPECT_EQ(parts.comparing.images(), 9);
    EXPECT_NE(parts.choosing.truth, parts.comparing.truth);
    for (const bool choosing : {true, false}) {
      std::vector<int> times;
      for (int i = 0; i < kImages; ++i) times.push_back((i % 5 == 0) == choosing);
      const Scene part = resampled(scene, times);
      const metrics::CocoResult plain = metrics::plain::evaluate(part.categories, part.truths, part.detections);
      const auto& found = choosing ? parts.choosing : parts.comparing;
      const double value = map_replicates(found.boxes, 0, kSeed, 1).map_50_95.value;
      ASSERT_EQ(std::isnan(value), !plain.map_50_95.has_value());
      if (plain.map_50_95) {
        EXPECT_NEAR(value, *plain.map_50_95, kRounding) << seed << " " << choosing;
      }
    }
  }
}

TEST(Split, OfClassesInOrder) {
  const Split parts = split({"t", {0, 1, 2, 3, 4, 5, 4}, {}});
  EXPECT_EQ(parts.choosing.ahead, (std::vector<uint8_t>{0, 5}));
  EXPECT_EQ(parts.comparing.ahead, (std::vector<uint8_t>{1, 2, 3, 4, 4}));
}

TEST(Outcomes, DetectionsBehindTheLastRightOneAreLeftOut) {
  const Scene scene{{{1, "a"}},
                    {{7, 1, 0, 0, 10, 10, 100, false}},
                    {{7, 1, 0, 0, 10, 10, 0.9}, {7, 1, 100, 100, 10, 10, 0.8}, {14, 1, 0, 0, 5, 5, 0.7}}};
  const metrics::CocoOutcomes outcomes = outcomes_of(scene, 2);
  EXPECT_EQ(outcomes.images, 2);
  ASSERT_EQ(outcomes.classes.size(), 1u);
  EXPECT_EQ(outcomes.classes[0].detections, (std::vector<metrics::CocoOutcome>{{0, 1023, 0}}));
  EXPECT_EQ(outcomes.classes[0].truths, (std::vector<metrics::CocoTruthCount>{{0, 1}}));
}

}  // namespace
}  // namespace quench::stats
