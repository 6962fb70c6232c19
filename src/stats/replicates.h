#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "metrics/coco_outcomes.h"

namespace quench::stats {

/// A figure on the test images, and on resampled ones (draws.h). NaN where it is not defined: no true box was drawn.
struct Replicates {
  double value = 0;
  std::vector<double>
      resampled;       ///< by replicate; models of equal images and seed have the same sets in the same order
  int64_t images = 0;  ///< in the test set; 0: not known
};

/// The share of images that are right. right: one value an image, 0 or 1.
Replicates share_replicates(std::span<const uint8_t> right, int64_t replicates, uint64_t seed);

/// COCO's mean average precision (metrics/coco_map.h), at IoU .50:.05:.95 and at single thresholds.
struct MapReplicates {
  Replicates map_50_95, map_50, map_75, map_95;
};

/// An image that is drawn twice counts as two images with the same true boxes and detections. Where scores tie within
/// an image, its copies of one detection follow each other. Equal to evaluating the resampled set as a data set of its
/// own, up to float64 rounding. Uses `threads` threads; the result does not depend on them.
MapReplicates map_replicates(const metrics::CocoOutcomes& outcomes, int64_t replicates, uint64_t seed, int threads);

}  // namespace quench::stats
