#pragma once

#include <cstdint>

#include "pixels/preparation.h"

namespace quench::pixels {

/// Values of a pixel.
inline constexpr int kRgb = 3;

/// A part of a picture's pixels: rows lie row_bytes apart.
struct SourceView {
  const uint8_t* data;
  int height, width;
  int64_t row_bytes;
};

/// What of a resized picture is wanted: the rows [top, top + rows) and columns [left, left + columns) of
/// [height,width], all inside.
struct ResizedPart {
  int64_t height, width;
  int64_t top, left;
  int rows, columns;
};

/// Resizes by one of the antialiased filters and writes the wanted part, whose rows lie row_bytes apart in `out`: each
/// axis by itself, columns first, with the filter stretched where the axis shrinks (its support in sources is then
/// that times the scale). Triangle: support 1. Cubic convolution with a = -1/2 (Keys 1981, eq. 4 and 8): support 2.
/// Lanczos of 3 lobes (Duchon 1979): support 3. Weights of sources outside are left out and the others sum to 1, as
/// integers of 22 bits; values between the axes are 8 bits. These are the integers of Pillow's Image.resize, which
/// torchvision uses for pictures, so that models see the same bytes. Throws Error{internal} for another filter.
void resample(const SourceView& source, Resampling filter, const ResizedPart& part, uint8_t* out, int64_t row_bytes);

}  // namespace quench::pixels
