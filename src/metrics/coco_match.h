#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "metrics/coco_map.h"

namespace quench::metrics {

inline constexpr int kCocoThresholds = 10;
inline constexpr int kCocoAreas = 4;  ///< all, small, medium, large
inline constexpr int kCocoMostDetections = 100;
inline constexpr unsigned kCocoAllThresholds = (1u << kCocoThresholds) - 1;

/// .50:.05:.95, each rounded as numpy's linspace rounds it.
inline constexpr std::array<double, kCocoThresholds> kCocoIou = [] {
  std::array<double, kCocoThresholds> values{};
  for (int i = 0; i < kCocoThresholds; ++i) values[i] = i * ((0.95 - 0.5) / 9) + 0.5;
  values.back() = 0.95;
  return values;
}();

inline constexpr int kCocoRecalls = 101;
/// 0:.01:1, as numpy's linspace rounds them.
inline constexpr std::array<double, kCocoRecalls> kCocoRecall = [] {
  std::array<double, kCocoRecalls> values{};
  for (int i = 0; i < kCocoRecalls; ++i) values[i] = i * (1.0 / 100);
  values.back() = 1;
  return values;
}();

/// An area's size classes: bit a is set where it lies outside range a (the bounds belong to the range).
unsigned outside_areas(double area);

/// What became of one detection. Sets of IoU thresholds are bits, one word for each size range.
struct CocoMatch {
  double score = 0;
  int64_t image_id = 0;
  int32_t rank = 0;                            ///< among the detections of its image and class
  std::array<uint16_t, kCocoAreas> matched{};  ///< thresholds at which it took a true box
  std::array<uint16_t, kCocoAreas> ignored{};  ///< thresholds at which it counts for nothing
};

/// Assigns detections to true boxes. Keeps its buffers from one image to the next.
class CocoMatcher {
 public:
  /// truths, detections: of one image and class, detections by descending score, at most kCocoMostDetections. Appends
  /// one CocoMatch a detection.
  void match(std::span<const CocoTruth> truths, std::span<const CocoDetection> detections,
             std::vector<CocoMatch>& matches);

 private:
  struct Candidate {
    size_t truth;
    double iou;
  };
  /// The true box to take in size range `area` at a threshold; -1 for none.
  int64_t choose(std::span<const CocoTruth> truths, int area, int threshold) const;

  std::vector<Candidate> candidates_;                    // with IoU at or above the lowest threshold
  std::vector<uint8_t> ignored_;                         // a true box's size ranges in which it is ignored, as bits
  std::vector<std::array<uint16_t, kCocoAreas>> taken_;  // and the thresholds at which it is taken
};

/// Matches the detections of one class, image by image, into `matches` (cleared first): by descending score, equal
/// scores by the ids of their images. truths, detections: of that class, by image; an image's detections by descending
/// score, of which the best kCocoMostDetections count.
void match_images(std::span<const CocoTruth> truths, std::span<const CocoDetection> detections, CocoMatcher& matcher,
                  std::vector<CocoMatch>& matches);

}  // namespace quench::metrics
