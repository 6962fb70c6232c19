#pragma once

#include <cstdint>
#include <vector>

namespace quench::metrics {

/// One detection, as far as average precision sees it. Sets of IoU thresholds are bits: bit t is kCocoIou[t].
struct CocoOutcome {
  uint32_t image = 0;    ///< index of the image, images by ascending id
  uint16_t matched = 0;  ///< thresholds at which it took a true box that counts
  uint16_t ignored = 0;  ///< thresholds at which it counts for nothing (it took a crowd)
  bool operator==(const CocoOutcome&) const = default;
};

/// True boxes of a class in one image, crowds left out.
struct CocoTruthCount {
  uint32_t image = 0;
  uint32_t count = 0;
  bool operator==(const CocoTruthCount&) const = default;
};

/// What the images say of one class.
struct CocoClassOutcomes {
  std::vector<CocoOutcome> detections;  ///< best first. Those behind the last that took a true box are left out: no
                                        ///< precision at a recall that is reached depends on them
  std::vector<CocoTruthCount> truths;   ///< by image; only those with a box
  bool operator==(const CocoClassOutcomes&) const = default;
};

/// What each image adds to mAP (objects of all sizes): enough to compute it for any choice of the images, and for
/// images that come several times.
struct CocoOutcomes {
  int64_t images = 0;
  std::vector<CocoClassOutcomes> classes;  ///< every category, by id
  bool operator==(const CocoOutcomes&) const = default;
};

}  // namespace quench::metrics
