#pragma once

#include "data/sets/dataset.h"

namespace quench::data {

struct ShapesOptions {
  int imgsz = 64;  ///< image side in pixels
  int64_t train_images = 5000;
  int64_t test_images = 1000;
  uint64_t seed = 0;
};

/// A procedural classification set that needs no files: ten kinds of shapes at seeded places, sizes, turns and colours,
/// anti-aliased, on textured backgrounds. Images are drawn in at(), a pure function of (options, split, index); labels
/// cycle through the classes. Throws Error{config} for imgsz below 8 or a split without images.
Splits open_shapes(const ShapesOptions& options = {});

}  // namespace quench::data
