#pragma once

#include <cstdint>
#include <vector>

#include "metrics/coco_map.h"

namespace quench::metrics {

/// A detection that counts, at IoU .50.
struct JudgedDetection {
  double score = 0;
  bool right = false;  ///< it took a true box
  bool operator==(const JudgedDetection&) const = default;
};

/// What was found of one class.
struct ClassMatches {
  int64_t truths = 0;                  ///< true boxes, without crowds
  std::vector<JudgedDetection> found;  ///< by descending score; those that took a crowd are left out
};

/// The detections of each class held against its true boxes at IoU .50, as COCO's metric does (coco_map.h: the best 100
/// of an image and class). Category ids are places in the result, 0 to classes - 1; boxes of others are left out.
std::vector<ClassMatches> class_matches(int64_t classes, const std::vector<CocoTruth>& truths,
                                        const std::vector<CocoDetection>& detections);

}  // namespace quench::metrics
