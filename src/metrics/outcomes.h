#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "metrics/coco_outcomes.h"

namespace quench::metrics {

/// What each test image adds to a model's accuracy: what a comparison with another model over the same images needs.
struct Outcomes {
  /// SHA-256 of what is true of the images, in order: outcomes of equal truths can be compared image by image.
  std::string truth;
  /// Classification, of each image: how many classes stand before the right one, 5 for 5 and more and for none.
  std::vector<uint8_t> ahead;
  CocoOutcomes boxes;  ///< detection

  int64_t images() const { return ahead.empty() ? boxes.images : static_cast<int64_t>(ahead.size()); }
  bool operator==(const Outcomes&) const = default;
};

/// {truth, ahead: "0031.."} (a digit an image), or {truth, images, classes: [{detections: [image, matched, ignored,
/// ...], truths: [image, count, ...]}, ...]}.
Json to_json(const Outcomes& outcomes);

/// Inverse of to_json. Throws Error{data} naming `where` for what it cannot have made.
Outcomes outcomes_from(const Json& json, std::string_view where);

}  // namespace quench::metrics
