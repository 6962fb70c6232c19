#pragma once

#include <torch/types.h>

#include <vector>

#include "data/loading/loader.h"
#include "train/matching/target.h"

namespace quench::train {

/// The objects of a batch, [M,6] float32 on the CPU, in order of images: image, class, cx, cy, width, height; the last
/// four as fractions of the canvas. Crowds are left out. No objects: [0,6].
/// Throws Error{internal} where the batch is not one of a detection set.
torch::Tensor detect_targets(const data::Batch& batch);

/// The rows of such a tensor (any device, any float type), checked. Throws Error{data} for an image outside
/// 0..images-1, a class outside 0..classes-1, or a box that is not finite.
std::vector<Target> read_targets(const torch::Tensor& targets, int64_t images, int64_t classes);

}  // namespace quench::train
