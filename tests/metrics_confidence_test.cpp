// Precision, recall and F1 over confidence, and the confidence at which the mean of F1 is highest.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "core/rng.h"
#include "metrics/confidence_curves.h"

namespace quench::metrics {
namespace {

/// Random boxes near true ones, of some classes and images, a few of them crowds.
struct Made {
  std::vector<CocoTruth> truths;
  std::vector<CocoDetection> detections;
};
Made made(uint64_t seed, int classes) {
  Rng rng(seed, "confidence");
  Made out;
  for (int64_t image = 0; image < 20; ++image) {
    for (int i = 0; i < 4; ++i) {
      const double x = rng.uniform(0, 100), y = rng.uniform(0, 100), side = rng.uniform(10, 40);
      const auto label = static_cast<int64_t>(rng.uniform(0, classes));
      out.truths.push_back({image, label, x, y, side, side, side * side, rng.uniform(0, 1) < 0.1});
      const double off = rng.uniform(0, 0.6) * side;
      // Scores in steps of 0.05: many are equal.
      out.detections.push_back({image, rng.uniform(0, 1) < 0.8 ? label : 0, x + off, y, side, side,
                                std::floor(rng.uniform(0, 1) * 20) / 20});
      out.detections.push_back({image, label, rng.uniform(0, 100), rng.uniform(0, 100), side, side,
                                std::floor(rng.uniform(0, 1) * 20) / 20});
    }
  }
  return out;
}

TEST(ConfidenceCurves, AClosedForm) {
  // Scores .9 right, .8 wrong, .6 right; 4 true boxes.
  const ClassMatches matches{4, {{0.9, true}, {0.8, false}, {0.6, true}}};
  const DetectionCounts low = counts_at(matches, 0.1), middle = counts_at(matches, 0.8),
                        high = counts_at(matches, 0.95);
  EXPECT_EQ(low, (DetectionCounts{2, 1, 4}));
  EXPECT_EQ(middle, (DetectionCounts{1, 1, 4}));
  EXPECT_DOUBLE_EQ(*low.precision(), 2. / 3);
  EXPECT_DOUBLE_EQ(*low.recall(), 0.5);
  EXPECT_DOUBLE_EQ(*low.f1(), 4. / 7);
  EXPECT_FALSE(high.precision()) << "of nothing";
  EXPECT_EQ(*high.f1(), 0);
  const auto best = best_confidence(std::vector{matches});
  ASSERT_TRUE(best);
  EXPECT_EQ(best->confidence, 0.6);
  EXPECT_DOUBLE_EQ(best->mean_f1, 4. / 7);
  // Precision where recall is reached: 1 up to 1/4, 2/3 up to 2/4, then none.
  const auto curve = precision_over_recall(matches);
  ASSERT_TRUE(curve);
  EXPECT_DOUBLE_EQ((*curve)[0], 1);
  EXPECT_DOUBLE_EQ((*curve)[25], 1);
  EXPECT_DOUBLE_EQ((*curve)[26], 2. / 3);
  EXPECT_DOUBLE_EQ((*curve)[50], 2. / 3);
  EXPECT_EQ((*curve)[51], 0);
}

TEST(ConfidenceCurves, OneConfidenceForAllClasses) {
  // Alone the first would choose .9 and the second .2; together .2 has (2/3 + 1) / 2, .9 has (1 + 0) / 2.
  const std::vector<ClassMatches> classes{{1, {{0.9, true}, {0.2, false}}}, {1, {{0.2, true}}}, {0, {{0.95, false}}}};
  const auto best = best_confidence(classes);
  ASSERT_TRUE(best);
  EXPECT_EQ(best->confidence, 0.2);
  EXPECT_NEAR(best->mean_f1, (2. / 3 + 1) / 2, 1e-12);
}

TEST(ConfidenceCurves, OfEqualsTheHighestConfidence) {
  // F1 is 2/3 at .9, 2/4 at .5 and 4/6 again at .4.
  const auto best =
      best_confidence(std::vector{ClassMatches{2, {{0.9, true}, {0.5, false}, {0.45, false}, {0.4, true}}}});
  ASSERT_TRUE(best);
  EXPECT_EQ(best->confidence, 0.9);
}

TEST(ConfidenceCurves, NothingAnnotatedIsNoFigure) {
  const std::vector<ClassMatches> classes{{0, {{0.9, false}}}, {0, {}}};
  EXPECT_FALSE(best_confidence(classes));
  EXPECT_FALSE(precision_over_recall(classes[0]));
  const DetectionCounts counts = counts_at(classes[0], 0);
  EXPECT_FALSE(counts.recall());
  EXPECT_FALSE(counts.f1());
  const MeanBalance mean = mean_balance(std::vector{counts});
  EXPECT_FALSE(mean.precision || mean.recall || mean.f1);
  EXPECT_FALSE(best_confidence(std::vector{ClassMatches{3, {{0.5, false}}}})) << "nothing is right";
}

TEST(ConfidenceCurves, EqualBruteForce) {
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const Made data = made(seed, 3);
    const std::vector<ClassMatches> classes = class_matches(3, data.truths, data.detections);
    // A mean of F1 at every score, and just above.
    double highest = 0, at = 0;
    std::set<double> scores;
    for (const CocoDetection& d : data.detections) scores.insert(d.score);
    for (const double score : scores) {
      double sum = 0;
      for (const ClassMatches& one : classes) {
        double right = 0, found = 0;
        for (const JudgedDetection& d : one.found) {
          found += d.score >= score;
          right += d.score >= score && d.right;
        }
        sum += 2 * right / (found + static_cast<double>(one.truths));
      }
      if (sum / 3 > highest + 1e-12 || (sum / 3 > highest - 1e-12 && score > at)) {
        highest = sum / 3;
        at = score;
      }
    }
    const auto best = best_confidence(classes);
    ASSERT_TRUE(best);
    EXPECT_EQ(best->confidence, at) << seed;
    EXPECT_NEAR(best->mean_f1, highest, 1e-12);
    for (const ClassMatches& one : classes) {
      const std::vector<DetectionCounts> curve = counts_over_confidence(one);
      for (int i = 0; i < kConfidences; i += 37) {
        EXPECT_EQ(curve[static_cast<size_t>(i)], counts_at(one, confidence_at(i)));
      }
    }
  }
}

TEST(ConfidenceCurves, TheMeanOfTheRecallCurveIsAveragePrecision) {
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const Made data = made(seed, 3);
    CocoEvaluation coco({{0, "a"}, {1, "b"}, {2, "c"}});
    for (const CocoTruth& truth : data.truths) coco.add_truth(truth);
    for (const CocoDetection& detection : data.detections) coco.add_detection(detection);
    const CocoResult result = coco.evaluate();
    const std::vector<ClassMatches> classes = class_matches(3, data.truths, data.detections);
    for (size_t c = 0; c < classes.size(); ++c) {
      const auto curve = precision_over_recall(classes[c]);
      ASSERT_TRUE(curve && result.classes[c].ap50);
      EXPECT_EQ(classes[c].truths, result.classes[c].truths);
      EXPECT_NEAR(std::accumulate(curve->begin(), curve->end(), 0.0) / kCocoRecalls, *result.classes[c].ap50, 1e-12);
    }
  }
}

}  // namespace
}  // namespace quench::metrics
