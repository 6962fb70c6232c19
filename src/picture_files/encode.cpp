#include "picture_files/encode.h"

#include "core/error.h"

namespace quench::picture_files {

void require_pixels(const Tensor& pixels) {
  const Shape& shape = pixels.shape();
  ensure(pixels.dtype() == DType::u8 && shape.size() == 3 && shape[2] == 3 && !pixels.empty(),
         "[picture_files] expected uint8 pixels [h,w,3], got {} {}", to_string(pixels.dtype()), to_string(shape));
}

}  // namespace quench::picture_files
