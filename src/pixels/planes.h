#pragma once

#include <cstdint>
#include <memory>

#include "core/letterbox.h"
#include "core/tensor.h"
#include "pixels/resize.h"

namespace quench::pixels {

/// `count` interleaved pixels as three planes, one behind the other.
void split_planes(const uint8_t* rgb, int64_t count, uint8_t* planes);

/// [H,W,3] or [1,H,W,3] uint8 as the planes of a model's input ([1,3,H,W], uint8 as is, float32: value / 255, the
/// nearest float), whose dtype and shape it has already. Throws Error{internal} for others.
void to_planes(const Tensor& image, Tensor& input);

/// From pictures to a model's input in one pass, for one picture after another: keeps the tables of the latest size.
/// Not for sharing by threads.
class CanvasPlanes {
 public:
  /// The picture ([h,w,3] uint8) drawn as fitted into `input`, [1,3,canvas height,canvas width] of uint8 or float32:
  /// each row is resized (the bytes of resize.h, as data/pictures/letterbox.h has them from OpenCV) and goes to its
  /// places in the three planes, the floats as to_planes() makes them. Throws Error{internal} for another picture or
  /// input.
  void fill(const Tensor& pixels, const Letterbox& fitted, Tensor& input);

 private:
  std::unique_ptr<BilinearRows> rows_;
};

}  // namespace quench::pixels
