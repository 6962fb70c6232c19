#pragma once

#include <cstddef>
#include <cstdint>

#include "quench/export.h"

namespace quench {
inline namespace v0 {

/// The order of a pixel's three bytes.
enum class PixelOrder { rgb, bgr };

/// Pixels that somebody else owns and that must live as long as the call they are given to: [height,width,3] uint8,
/// a row's pixels side by side, rows row_bytes apart from the top down. Any size from 1x1 to 65535x65535.
struct ImageView {
  const std::uint8_t* data = nullptr;
  int height = 0;
  int width = 0;
  std::ptrdiff_t row_bytes = 0;  ///< 3 * width or more; 0: 3 * width
  PixelOrder order = PixelOrder::rgb;

  ImageView() = default;
  ImageView(const std::uint8_t* pixels, int image_height, int image_width, std::ptrdiff_t bytes_a_row = 0,
            PixelOrder pixel_order = PixelOrder::rgb)
      : data(pixels), height(image_height), width(image_width), row_bytes(bytes_a_row), order(pixel_order) {}
};

}  // namespace v0
}  // namespace quench
