#pragma once

#include <string_view>

#include "core/tensor.h"

// One function a kind of picture file, behind decode.h and encode.h.
namespace quench::picture_files {

Tensor decode_jpeg(std::string_view bytes, std::string_view where, Tensor used);
Tensor decode_png(std::string_view bytes, std::string_view where);
Tensor decode_ppm(std::string_view bytes, std::string_view where);

/// An image of height x width to be written, in the memory of `used` where that is of the same size. Throws Error{data}
/// where it is larger than decode.h says, or has no pixel.
Tensor new_image(int64_t height, int64_t width, std::string_view where, Tensor used = {});

}  // namespace quench::picture_files
