#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "core/letterbox.h"

namespace quench::calibration {

/// What a picture looks like, in few bytes.
struct Look {
  static constexpr int kSide = 16;

  std::string sha256;                                  ///< of its pixels as the model sees them
  std::array<uint8_t, kSide * kSide * 3> thumbnail{};  ///< mean colours of its parts
  double deviation = 0;  ///< standard deviation of the colour that varies most, in steps of 255
};

/// A picture whose colours deviate less than this, in steps of 255, shows nothing.
inline constexpr double kFlat = 4;

/// pixels: uint8 RGB [side,side,3]. fitted: where the picture lies in it, without the gray that fills the rest; null:
/// everywhere.
Look look_of(std::span<const uint8_t> pixels, int side, const Letterbox* fitted = nullptr);

}  // namespace quench::calibration
