#pragma once

#include <algorithm>

#include "core/error.h"
#include "core/letterbox.h"
#include "pixels/canvas.h"
#include "pixels/resize.h"

namespace quench::pixels {

/// The image ([h,w,3] uint8) drawn as fitted (resize.h), by itself: [1,canvas height,canvas width,3] uint8. What
/// CanvasPlanes does on the way into planes. Throws Error{internal} for pixels of another size.
inline Tensor on_canvas(const Tensor& pixels, const Letterbox& fitted) {
  ensure(pixels.dtype() == DType::u8 && pixels.shape() == Shape{fitted.image_height, fitted.image_width, 3},
         "[pixels.canvas] expected uint8 pixels [{},{},3], got {} {}", fitted.image_height, fitted.image_width,
         to_string(pixels.dtype()), to_string(pixels.shape()));
  Tensor canvas(DType::u8, {1, fitted.canvas_height, fitted.canvas_width, 3});
  const std::span<uint8_t> out = canvas.mutable_values<uint8_t>();
  if (fitted.height < fitted.canvas_height || fitted.width < fitted.canvas_width) std::ranges::fill(out, kPadding);
  const ptrdiff_t row_bytes = ptrdiff_t{3} * fitted.canvas_width;
  resize_bilinear(pixels.values<uint8_t>().data(), fitted.image_height, fitted.image_width,
                  out.data() + fitted.top * row_bytes + ptrdiff_t{3} * fitted.left, fitted.height, fitted.width,
                  row_bytes);
  return canvas;
}

}  // namespace quench::pixels
