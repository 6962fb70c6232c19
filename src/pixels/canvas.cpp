#include "pixels/canvas.h"

#include "core/error.h"
#include "pixels/planes.h"

namespace quench::pixels {

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
