#pragma once

#include "core/tensor.h"

namespace quench::pixels {

/// Gray of what no image covers, as in YOLOv5 and YOLOv8.
inline constexpr uint8_t kPadding = 114;

/// [N,H,W,3] uint8 -> [N,3,H,W] uint8. Throws Error{internal} for other shapes.
Tensor to_planar(const Tensor& images);

}  // namespace quench::pixels
