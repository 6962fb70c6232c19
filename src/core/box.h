#pragma once

#include <algorithm>

namespace quench {

/// Axis-aligned box by its corners, in pixels of the image that its owner names; a pixel is one unit wide.
struct Box {
  double x1 = 0, y1 = 0, x2 = 0, y2 = 0;

  double width() const { return x2 - x1; }
  double height() const { return y2 - y1; }
  /// 0 for a box whose corners are crossed.
  double area() const { return std::max(0.0, width()) * std::max(0.0, height()); }
  bool operator==(const Box&) const = default;
};

/// Area that two boxes share.
inline double intersection(const Box& a, const Box& b) {
  return std::max(0.0, std::min(a.x2, b.x2) - std::max(a.x1, b.x1)) *
         std::max(0.0, std::min(a.y2, b.y2) - std::max(a.y1, b.y1));
}

/// Intersection over union in [0,1]; 0 where both are empty.
inline double iou(const Box& a, const Box& b) {
  const double shared = intersection(a, b);
  const double all = a.area() + b.area() - shared;
  return all > 0 ? shared / all : 0;
}

}  // namespace quench
