#include "pixels/canvas.h"

#include <algorithm>

#include "core/error.h"
#include "pixels/planes.h"
#include "pixels/resize.h"

namespace quench::pixels {

Tensor on_canvas(const Tensor& pixels, const Letterbox& fitted) {
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

Tensor to_planar(const Tensor& images) {
  const Shape& shape = images.shape();
  if (shape.size() != 4 || shape[3] != 3 || images.dtype() != DType::u8) {
    fail(ErrorKind::internal, "[pixels.canvas] expected uint8 images [N,H,W,3], got {} {}", to_string(images.dtype()),
         to_string(shape));
  }
  Tensor out(DType::u8, {shape[0], 3, shape[1], shape[2]});
  const int64_t plane = shape[1] * shape[2];
  const uint8_t* in = images.values<uint8_t>().data();
  uint8_t* to = out.mutable_values<uint8_t>().data();
  for (int64_t n = 0; n < shape[0]; ++n) split_planes(in + 3 * plane * n, plane, to + 3 * plane * n);
  return out;
}

}  // namespace quench::pixels
