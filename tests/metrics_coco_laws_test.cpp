// COCO's evaluation: laws, and against the definition written out plainly.
#include <gtest/gtest.h>

#include <cmath>

#include "metrics/coco_map.h"
#include "metrics_coco_plain.h"
#include "metrics_coco_samples.h"

namespace quench::metrics {
namespace {

using samples::evaluate;
using samples::random_scene;
using samples::Scene;

void expect_same(const CocoResult& a, const CocoResult& b, double tolerance, const std::string& what) {
  const auto near = [&](const std::optional<double>& x, const std::optional<double>& y, const std::string& name) {
    ASSERT_EQ(x.has_value(), y.has_value()) << what << ": " << name;
    EXPECT_NEAR(x.value_or(0), y.value_or(0), tolerance) << what << ": " << name;
  };
  const auto of_a = figures(a), of_b = figures(b);
  for (size_t i = 0; i < of_a.size(); ++i) near(of_a[i].second, of_b[i].second, of_a[i].first);
  ASSERT_EQ(a.classes.size(), b.classes.size());
  for (size_t i = 0; i < a.classes.size(); ++i) {
    EXPECT_EQ(a.classes[i].category_id, b.classes[i].category_id);
    near(a.classes[i].ap, b.classes[i].ap, "ap of class " + std::to_string(a.classes[i].category_id));
    near(a.classes[i].ap50, b.classes[i].ap50, "ap50 of class " + std::to_string(a.classes[i].category_id));
  }
}

TEST(CocoLaws, EqualsTheDefinitionWrittenOut) {
  int with_ap = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const Scene scene = random_scene(seed, seed % 7, seed % 3 == 0 ? 40 : 8);
    const CocoResult result = evaluate(scene);
    // 2^-52 in COCOeval's denominator is not in the definition.
    expect_same(result, plain::evaluate(scene.categories, scene.truths, scene.detections), 1e-12,
                "seed " + std::to_string(seed));
    with_ap += result.map_50_95.value_or(0) > 0.02 && result.map_50_95.value_or(1) < 0.98;
  }
  EXPECT_GT(with_ap, 30);  // the scenes are no trivial ones
}

TEST(CocoLaws, OrderOfImagesDoesNotMatter) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Scene scene = random_scene(seed, 8);
    const CocoResult expected = evaluate(scene);
    for (uint64_t round = 0; round < 5; ++round) {
      Rng rng(seed, "order", round);
      Scene mixed{scene.categories, {}, {}};
      for (const int64_t image : permutation(8, rng)) {
        for (const CocoTruth& g : scene.truths) {
          if (g.image_id == (image + 1) * 7) mixed.truths.push_back(g);
        }
        for (const CocoDetection& d : scene.detections) {
          if (d.image_id == (image + 1) * 7) mixed.detections.push_back(d);
        }
      }
      ASSERT_EQ(mixed.detections.size(), scene.detections.size());
      expect_same(evaluate(mixed), expected, 0, "seed " + std::to_string(seed));
    }
  }
}

TEST(CocoLaws, PerfectDetectionsGiveOne) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Scene scene = random_scene(seed);
    scene.detections.clear();
    for (CocoTruth& truth : scene.truths) {
      truth.crowd = false;
      truth.area = truth.w * truth.h;
      scene.detections.push_back({truth.image_id, truth.category_id, truth.x, truth.y, truth.w, truth.h, 0.5});
    }
    for (const auto& [name, value] : figures(evaluate(scene))) {
      if (!value || name == "ar_1" || name == "ar_10") continue;
      EXPECT_NEAR(*value, 1, 1e-12) << name << ", seed " << seed;
    }
  }
}

TEST(CocoLaws, FalsePositivesNeverRaiseAp) {
  int lowered = 0;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    Scene scene = random_scene(seed);
    const auto before = figures(evaluate(scene));
    Rng rng(seed, "false");
    for (int i = 0; i < 20; ++i) {  // far from all true boxes, below all scores or among them
      const double score = seed % 2 ? -1 : rng.uniform();
      const double side = rng.uniform(5, 200);
      scene.detections.push_back(
          {7 * (1 + static_cast<int64_t>(rng.below(5))), rng.chance(0.5) ? 1 : 3, 5000, 5000, side, side, score});
    }
    const auto after = figures(evaluate(scene));
    for (size_t i = 0; i < before.size(); ++i) {
      EXPECT_LE(after[i].second.value_or(0), before[i].second.value_or(0)) << before[i].first << ", seed " << seed;
    }
    if (seed % 2 == 0) lowered += *after[0].second < *before[0].second;
  }
  EXPECT_GT(lowered, 10);
}

TEST(CocoLaws, OrderOfScoresAloneMatters) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Scene scene = random_scene(seed);
    Scene changed = scene;
    for (CocoDetection& detection : changed.detections) detection.score = 100 * std::cbrt(detection.score) - 7;
    expect_same(evaluate(changed), evaluate(scene), 0, "seed " + std::to_string(seed));
  }
}

TEST(CocoLaws, EvaluateMayBeCalledAgain) {
  const Scene scene = random_scene(3);
  CocoEvaluation evaluation(scene.categories);
  for (const CocoTruth& truth : scene.truths) evaluation.add_truth(truth);
  EXPECT_EQ(evaluation.evaluate().ar_100, 0);
  for (const CocoDetection& detection : scene.detections) evaluation.add_detection(detection);
  expect_same(evaluation.evaluate(), evaluate(scene), 0, "first");
  expect_same(evaluation.evaluate(), evaluate(scene), 0, "again");
}

}  // namespace
}  // namespace quench::metrics
