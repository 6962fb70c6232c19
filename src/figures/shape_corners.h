#pragma once

#include <cmath>
#include <numbers>
#include <vector>

#include "figures/figure.h"

namespace quench::figures {

/// Corners of a shape in a box of 2 x 2 around the origin, y downwards; none for a circle.
inline std::vector<Place> shape_corners(Shape shape) {
  const auto regular = [](int count) {
    std::vector<Place> out;
    for (int i = 0; i < count; ++i) {
      const double angle = 2 * std::numbers::pi * i / count;
      out.push_back({std::sin(angle), -std::cos(angle)});
    }
    return out;
  };
  constexpr double kArm = 0.35;
  switch (shape) {
    case Shape::circle: return {};
    case Shape::square: return {{-.85, -.85}, {.85, -.85}, {.85, .85}, {-.85, .85}};
    case Shape::triangle: return {{0, -1}, {1, .8}, {-1, .8}};
    case Shape::diamond: return regular(4);
    case Shape::wedge: return {{0, 1}, {-1, -.8}, {1, -.8}};
    case Shape::cross:
      return {{-kArm, -1}, {kArm, -1}, {kArm, -kArm}, {1, -kArm}, {1, kArm},   {kArm, kArm},
              {kArm, 1},   {-kArm, 1}, {-kArm, kArm}, {-1, kArm}, {-1, -kArm}, {-kArm, -kArm}};
    case Shape::pentagon: return regular(5);
  }
  return {};
}

}  // namespace quench::figures
