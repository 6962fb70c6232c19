#pragma once

#include <span>

#include "data/augmentation/detect_picture.h"

namespace quench::data {

/// Makes one training image for detection, as YOLOv5 and YOLOv8 do: a mosaic of four (with probability `mosaic`) or
/// the letterboxed image; a random view of it (perspective.h); perhaps blended with a second mosaic (`mosaic_mixup`,
/// lambda from Beta(32, 32)); HSV shift; horizontal flip with probability 1/2. Settings for classification are ignored.
/// What is made depends on the arguments and the Rng's state alone. Not for sharing by threads.
class DetectAugmenter {
 public:
  DetectAugmenter(const AugmentSettings& settings, int imgsz) : settings_(settings), imgsz_(imgsz) {}

  /// pool: the images that may stand beside image `index` in a mosaic; empty: all. `strong`: mosaics too.
  /// out: imgsz * imgsz * 3 bytes. Returns the objects in pixels of `out`, all inside it; crowds are left out.
  std::vector<Object> make(const Dataset& dataset, std::span<const int64_t> pool, int64_t index, bool strong, Rng& rng,
                           uint8_t* out);

 private:
  void mosaic(const Dataset& dataset, std::span<const int64_t> pool, int64_t index, Rng& rng, DetectPicture& out);

  AugmentSettings settings_;
  int imgsz_;
  DetectPicture picture_, other_;
  Picture scratch_;
};

}  // namespace quench::data
