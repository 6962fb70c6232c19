#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "metrics/class_matches.h"
#include "metrics/coco_match.h"

namespace quench::metrics {

/// What the detections at or above a confidence are, and what they miss.
struct DetectionCounts {
  int64_t right = 0, wrong = 0;
  int64_t truths = 0;

  std::optional<double> precision() const;  ///< right / (right + wrong); none where nothing is found
  std::optional<double> recall() const;     ///< right / truths; none where nothing is true
  /// 2 right / (found + truths), the harmonic mean of both; none where nothing is true.
  std::optional<double> f1() const;
  bool operator==(const DetectionCounts&) const = default;
};

/// Of the detections with a score of `confidence` or more.
DetectionCounts counts_at(const ClassMatches& matches, double confidence);

/// Confidences that curves are drawn over: 0:.001:1.
inline constexpr int kConfidences = 1001;
inline constexpr double confidence_at(int i) { return i / 1000.0; }

/// counts_at each of them.
std::vector<DetectionCounts> counts_over_confidence(const ClassMatches& matches);

/// Means over classes that have a value: precision over those of which something is found, recall and F1 over those
/// that have true boxes.
struct MeanBalance {
  std::optional<double> precision, recall, f1;
};
MeanBalance mean_balance(std::span<const DetectionCounts> classes);

/// The one confidence, for all classes, at which the mean of their F1 is highest; of equals the highest. It is a score
/// that a detection has. Ultralytics' rule, but exact: theirs reads F1 at 1000 confidences and smooths it first.
struct BestConfidence {
  double confidence = 0;
  double mean_f1 = 0;
};
/// None where nothing is true or nothing is right at any.
std::optional<BestConfidence> best_confidence(std::span<const ClassMatches> classes);

/// The precision that average precision at IoU .50 is the mean of: at each of 101 recalls 0:.01:1 the highest at that
/// recall or a higher one, 0 where it is not reached. None where nothing is true.
std::optional<std::array<double, kCocoRecalls>> precision_over_recall(const ClassMatches& matches);

}  // namespace quench::metrics
