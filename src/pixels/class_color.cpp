#include "pixels/class_color.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace quench::pixels {

Color class_color(int32_t label) {
  constexpr double kGolden = 0.6180339887498949;
  struct Turn {
    double saturation, value;
  };
  constexpr std::array<Turn, 4> kTurns{{{0.85, 1.0}, {0.5, 1.0}, {0.95, 0.7}, {0.6, 0.8}}};
  const auto number = static_cast<uint32_t>(label);
  const Turn& turn = kTurns[number % kTurns.size()];
  const double hue = std::fmod(number * kGolden, 1.0) * 6;
  const auto channel = [&](double shift) {  // HSV to RGB
    const double k = std::fmod(shift + hue, 6.0);
    const double value = turn.value * (1 - turn.saturation * std::clamp(std::min(k, 4 - k), 0.0, 1.0));
    return static_cast<uint8_t>(std::lround(255 * value));
  };
  return {channel(5), channel(3), channel(1)};
}

}  // namespace quench::pixels
