#pragma once

#include "core/box.h"

namespace quench {

/// How an image lies in a canvas: resized by `gain`, centred, the rest filled with gray 114 (as YOLOv5 and YOLOv8 do).
struct Letterbox {
  int image_height = 0, image_width = 0;    ///< of the source
  int canvas_height = 0, canvas_width = 0;  ///< what the network sees
  int height = 0, width = 0;                ///< of the resized image, rounded (half to even), at least 1
  int top = 0, left = 0;                    ///< where it starts; an odd pixel of padding goes below or to the right
  double gain = 1;                          ///< resized / source

  /// Source pixels -> canvas pixels: times gain, plus left and top. Not clipped.
  Box to_canvas(const Box& box) const;
  /// Canvas pixels -> source pixels, clipped to the source image. The padding taken off is the whole pixels that draw()
  /// puts there, as YOLOv8 (8.1) does. YOLOv5 (v7.0) takes off the exact half of the padding, and so its boxes lie half
  /// a canvas pixel too far left or up wherever the padding is odd.
  Box to_image(const Box& box) const;
  bool operator==(const Letterbox&) const = default;
};

/// Into a canvas of the given size: gain = min(canvas_height / image_height, canvas_width / image_width), at most 1
/// unless `enlarge`. Throws Error{data} for a size below 1.
Letterbox letterbox(int image_height, int image_width, int canvas_height, int canvas_width, bool enlarge = true);

/// The smallest canvas (both sides multiples of `multiple`) that takes the image with its long side resized to `side`.
/// Throws Error{data} for a size below 1.
Letterbox rect_letterbox(int image_height, int image_width, int side, int multiple);

}  // namespace quench
