#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "metrics/coco_match.h"
#include "metrics/coco_outcomes.h"
#include "stats/draws.h"

namespace quench::stats {

/// A value for each of kLanes resampled test sets.
using Lanes = std::array<double, kLanes>;

/// Average precision of one class in kLanes resampled test sets at once. Keeps its buffers from one class to the next.
class LanesAp {
 public:
  /// times: of each image and lane, as draw_images gives them. Sets `truths` to the true boxes of each lane and
  /// `average` to the class's AP at each IoU threshold, 0 where a lane has no true box.
  void find(const metrics::CocoClassOutcomes& outcomes, std::span<const float> times, Lanes& truths,
            std::array<Lanes, metrics::kCocoThresholds>& average);

 private:
  /// A detection that is not wrong at every threshold.
  struct Marked {
    const metrics::CocoOutcome* detection;
    std::array<float, kLanes> wrong_before;  ///< detections before it that are wrong everywhere
  };

  void mark(std::span<const metrics::CocoOutcome> detections, std::span<const float> times);
  void find_points(std::span<const float> times, int threshold);
  Lanes average_points() const;
  void count_recalls(const Lanes& truths);

  std::vector<Marked> marked_;
  std::vector<std::array<float, kLanes>> right_;  // right detections so far, where one has just come
  std::vector<Lanes> precision_;                  // and the highest precision there or behind
  size_t most_right_ = 0;                         // right detections of any lane, at most
  /// [n][lane]: of how many recalls n right detections are enough, n / truths >= recall; 0 for no truths. The point of
  /// recall 0 is the first that is right.
  std::vector<std::array<float, kLanes>> recalls_;
};

}  // namespace quench::stats
