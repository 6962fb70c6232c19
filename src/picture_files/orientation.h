#pragma once

#include <string_view>

#include "core/tensor.h"

namespace quench::picture_files {

/// The orientation that EXIF data say (a TIFF header and what follows), 1 to 8; 1 where they say none or are damaged.
int exif_orientation(std::string_view exif);

/// [h,w,3] uint8 as it is to be looked at: 1 as it is, 2 mirrored, 3 turned by 180 degrees, 4 upside down, 5
/// transposed, 6 turned by 90 degrees clockwise, 7 transposed along the other diagonal, 8 turned by 90 degrees
/// counter-clockwise.
Tensor oriented(const Tensor& pixels, int orientation);

}  // namespace quench::picture_files
