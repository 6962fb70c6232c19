#pragma once

#include <cstdint>

#include "core/letterbox.h"
#include "core/tensor.h"

namespace quench::data {

using quench::Letterbox;
using quench::letterbox;
using quench::rect_letterbox;

/// Gray of what no image covers, as in YOLOv5 and YOLOv8.
inline constexpr uint8_t kPadding = 114;

/// Draws the image ([h,w,3] uint8) into out (canvas_height * canvas_width * 3 bytes), bilinear (cv::INTER_LINEAR).
void draw(const Tensor& pixels, const Letterbox& letterbox, uint8_t* out);

}  // namespace quench::data
