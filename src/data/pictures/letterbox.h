#pragma once

#include <cstdint>

#include "core/letterbox.h"
#include "core/tensor.h"
#include "pixels/canvas.h"

namespace quench::data {

using pixels::kPadding;
using quench::Letterbox;
using quench::letterbox;
using quench::rect_letterbox;

/// Draws the image ([h,w,3] uint8) into out (canvas_height * canvas_width * 3 bytes), bilinear (cv::INTER_LINEAR).
void draw(const Tensor& pixels, const Letterbox& letterbox, uint8_t* out);

}  // namespace quench::data
