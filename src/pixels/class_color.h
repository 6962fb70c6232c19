#pragma once

#include <cstdint>

namespace quench::pixels {

struct Color {
  uint8_t r = 0, g = 0, b = 0;
  bool operator==(const Color&) const = default;
  /// Whether black is read on it better than white.
  bool bright() const { return 0.299 * r + 0.587 * g + 0.114 * b > 140; }
};

/// The colour of a class, always the same: hues a golden ratio of the circle apart, in four turns of strength and
/// brightness, so that neighbours differ clearly and the first hundred are all distinct.
Color class_color(int32_t label);

}  // namespace quench::pixels
