#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace quench::pixels {

/// Resizes pictures of one size to another, row by row, so that each row goes straight where it is wanted: [source
/// height,source width,3] uint8 to [height,width,3], bilinear, the border replicated, in the integers of OpenCV's
/// cv::resize with INTER_LINEAR (sample centres at (x + 0.5) * scale - 0.5 in float32, weights of 11 bits, rows weighed
/// in 16 bits; half the size exactly: the mean of 2x2), so that models see the same bytes where there is no OpenCV. All
/// sizes are 1 or more. Keeps its tables and scratch memory: not for sharing by threads.
class BilinearRows {
 public:
  BilinearRows(int source_height, int source_width, int height, int width);

  /// Whether it resizes so.
  bool is_of(int source_height, int source_width, int height, int width) const {
    return source_height == source_height_ && source_width == source_width_ && height == height_ && width == width_;
  }
  /// Calls take(y, row) for the rows of the result, from the first on; row: width * 3 bytes, until it returns. source
  /// is dense.
  void each(const uint8_t* source, const std::function<void(int y, const uint8_t* row)>& take);

 private:
  /// Where the samples of one axis come from: of the sources first[i] and first[i] + 1, with the weights near[i],
  /// far[i], which have 11 bits.
  struct Axis {
    std::vector<int> first;
    std::vector<int32_t> near, far;
    bool picks = true;  ///< far is 0 everywhere
  };
  static Axis make_axis(int source, int resized);
  void clamp_columns();
  void halve(const uint8_t* source, const std::function<void(int y, const uint8_t* row)>& take);
  void blend(const uint8_t* source, const std::function<void(int y, const uint8_t* row)>& take);

  int source_height_, source_width_, height_, width_;
  Axis columns_, rows_;
  int inner_ = 0;  ///< columns whose samples lie before the last pixel of a row
  std::vector<uint8_t> row_;
  std::vector<int16_t> blended_[2];
  std::vector<uint16_t> sums_;
};

/// The same into memory: rows of `out` lie row_bytes apart.
void resize_bilinear(const uint8_t* source, int source_height, int source_width, uint8_t* out, int height, int width,
                     ptrdiff_t row_bytes);

}  // namespace quench::pixels
