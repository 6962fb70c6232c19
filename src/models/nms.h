#pragma once

#include <cstdint>
#include <vector>

#include "core/box.h"
#include "models/decode.h"

namespace quench::models {

/// One predicted object.
struct Detection {
  Box box;
  float score = 0;
  int32_t label = -1;
  bool operator==(const Detection&) const = default;
};

struct NmsOptions {
  float confidence = 0.001f;       ///< scores must exceed it
  double iou = 0.6;                ///< of a kept box with the next of its class, above which that is dropped
  bool multi_label = true;         ///< a row gives a box for each class above the threshold, not for its best alone
  bool class_agnostic = false;     ///< boxes of all classes suppress each other
  int64_t max_detections = 300;    ///< kept an image
  int64_t max_candidates = 30000;  ///< the best of these are looked at
};

/// Greedy non-maximum suppression, best score first (equal scores: earlier row, then lower class first).
/// Result by descending score. Throws Error{data} where a box or a score is not finite.
std::vector<Detection> non_max_suppression(const Candidates& candidates, const NmsOptions& options);

}  // namespace quench::models
