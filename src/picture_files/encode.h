#pragma once

#include <string>

#include "core/tensor.h"

namespace quench::picture_files {

/// [h,w,3] uint8 RGB as the bytes of a file. quality: 1 to 100. Throws Error{internal} for another tensor, Error{data}
/// for a size that the format cannot hold (a side above 65500).
std::string encode_jpeg(const Tensor& pixels, int quality = 90);
/// At zlib's level 3 of compression: twice as fast as its default, a few percent larger.
std::string encode_png(const Tensor& pixels);

/// Throws Error{internal} unless it is [h,w,3] uint8, and not empty.
void require_pixels(const Tensor& pixels);

}  // namespace quench::picture_files
