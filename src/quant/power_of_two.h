#pragma once

#include <cmath>

/// Scales that are powers of two: a change of scales is a shift then (Jacob et al. 2018, equation 6, with M0 = 1/2;
/// Jain et al. 2020 call it power-of-2 scaling).
namespace quench::quant {

/// The least power of two that is no less than x > 0, exactly.
inline float power_of_two_above(float x) {
  int power = 0;
  const float part = std::frexp(x, &power);  // in [1/2, 1)
  return std::ldexp(1.0f, part == 0.5f ? power - 1 : power);
}

/// What a weight's scale is a power of two times of, so that input_scale * scale is a power of two: 1 for one that is
/// itself, 255/256 for an image's 1/255.
inline float unit_beside(float input_scale) { return power_of_two_above(input_scale) / input_scale; }

}  // namespace quench::quant
