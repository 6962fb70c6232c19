#pragma once

#include "core/letterbox.h"
#include "core/tensor.h"

namespace quench::pixels {

/// Gray of what no image covers, as in YOLOv5 and YOLOv8.
inline constexpr uint8_t kPadding = 114;

/// The image ([h,w,3] uint8) drawn as fitted (resize.h): [1,canvas height,canvas width,3] uint8. The same bytes as
/// data/pictures/letterbox.h, which does it with OpenCV. Throws Error{internal} for pixels of another size.
Tensor on_canvas(const Tensor& pixels, const Letterbox& fitted);

/// [N,H,W,3] uint8 -> [N,3,H,W] uint8. Throws Error{internal} for other shapes.
Tensor to_planar(const Tensor& images);

}  // namespace quench::pixels
