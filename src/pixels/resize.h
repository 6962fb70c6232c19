#pragma once

#include <cstddef>
#include <cstdint>

namespace quench::pixels {

/// Resizes [source_height,source_width,3] uint8 to [height,width,3], bilinear, the border replicated, in the integers
/// of OpenCV's cv::resize with INTER_LINEAR (sample centres at (x + 0.5) * scale - 0.5 in float32, weights of 11 bits,
/// rows weighed in 16 bits; half the size exactly: the mean of 2x2), so that models see the same bytes where there is
/// no OpenCV. source is dense, and all sizes are 1 or more; rows of `out` lie row_bytes apart.
void resize_bilinear(const uint8_t* source, int source_height, int source_width, uint8_t* out, int height, int width,
                     ptrdiff_t row_bytes);

}  // namespace quench::pixels
