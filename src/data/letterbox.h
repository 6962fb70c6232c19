#pragma once

#include <cstdint>

#include "core/box.h"
#include "core/tensor.h"

namespace quench::data {

/// How an image lies in a canvas: resized by `gain`, centred, the rest filled with gray 114 (as YOLOv5 and YOLOv8 do).
struct Letterbox {
  int image_height = 0, image_width = 0;    ///< of the source
  int canvas_height = 0, canvas_width = 0;  ///< what the network sees
  int height = 0, width = 0;                ///< of the resized image
  int top = 0, left = 0;                    ///< where it starts
  double gain = 1;                          ///< resized / source

  /// Source pixels -> canvas pixels, and back, clipped to the source image.
  Box to_canvas(const Box& box) const;
  Box to_image(const Box& box) const;
  bool operator==(const Letterbox&) const = default;
};

/// Into a canvas of the given size; `enlarge`: small images grow too.
Letterbox letterbox(int image_height, int image_width, int canvas_height, int canvas_width, bool enlarge = true);

/// The smallest canvas (both sides multiples of `multiple`) that takes the image with its long side resized to `side`.
Letterbox rect_letterbox(int image_height, int image_width, int side, int multiple);

/// Draws the image ([h,w,3] uint8) into out (canvas_height * canvas_width * 3 bytes), bilinear (cv::INTER_LINEAR).
void draw(const Tensor& pixels, const Letterbox& letterbox, uint8_t* out);

}  // namespace quench::data
