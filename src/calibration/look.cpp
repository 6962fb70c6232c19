#include "calibration/look.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/hash.h"

namespace quench::calibration {
namespace {

/// Rows or columns of a picture: [first, end).
struct Stretch {
  int first, end;

  /// Where part i of Look::kSide begins.
  int part(int i) const { return first + (end - first) * i / Look::kSide; }
};

}  // namespace

Look look_of(std::span<const uint8_t> pixels, int side, const Letterbox* fitted) {
  ensure(side > 0 && static_cast<int64_t>(pixels.size()) == int64_t{side} * side * 3,
         "[calibration.look] expected {0} x {0} x 3 bytes, got {1}", side, pixels.size());
  Stretch rows{0, side}, columns{0, side};
  if (fitted) {
    rows = {std::clamp(fitted->top, 0, side - 1), std::clamp(fitted->top + fitted->height, 1, side)};
    columns = {std::clamp(fitted->left, 0, side - 1), std::clamp(fitted->left + fitted->width, 1, side)};
  }
  Look out;
  Sha256 hash;
  hash.update(std::as_bytes(pixels));
  out.sha256 = hash.hex();
  std::array<double, 3> sum{}, squares{};
  for (int y = rows.first; y < rows.end; ++y) {
    for (int x = columns.first; x < columns.end; ++x) {
      const size_t at = (static_cast<size_t>(y) * static_cast<size_t>(side) + static_cast<size_t>(x)) * 3;
      for (size_t c = 0; c < 3; ++c) {
        const double value = pixels[at + c];
        sum[c] += value;
        squares[c] += value * value;
      }
    }
  }
  const double count = double{1} * (rows.end - rows.first) * (columns.end - columns.first);
  for (size_t c = 0; c < 3; ++c) {
    const double variance = squares[c] / count - (sum[c] / count) * (sum[c] / count);
    out.deviation = std::max(out.deviation, std::sqrt(std::max(0.0, variance)));
  }
  for (int i = 0; i < Look::kSide; ++i) {
    for (int j = 0; j < Look::kSide; ++j) {
      const int top = rows.part(i), left = columns.part(j);
      const int bottom = std::max(rows.part(i + 1), top + 1), right = std::max(columns.part(j + 1), left + 1);
      std::array<int64_t, 3> colour{};
      for (int y = top; y < bottom; ++y) {
        for (int x = left; x < right; ++x) {
          for (size_t c = 0; c < 3; ++c) {
            colour[c] += pixels[(static_cast<size_t>(y) * static_cast<size_t>(side) + static_cast<size_t>(x)) * 3 + c];
          }
        }
      }
      for (size_t c = 0; c < 3; ++c) {
        out.thumbnail[static_cast<size_t>(i * Look::kSide + j) * 3 + c] =
            static_cast<uint8_t>(colour[c] / (int64_t{bottom - top} * (right - left)));
      }
    }
  }
  return out;
}

}  // namespace quench::calibration
