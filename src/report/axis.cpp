#include "report/axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace quench::report {
namespace {

/// The least of 1, 2, 5 times a power of ten that is not below `raw`.
double round_step(double raw) {
  const double base = std::pow(10, std::floor(std::log10(raw)));
  for (const double step : {1.0, 2.0, 5.0}) {
    if (step * base >= raw * (1 - 1e-9)) return step * base;
  }
  return 10 * base;
}

/// The same but for rounding: means of equal figures differ in their last digits.
bool equal(double low, double high) { return high - low <= 1e-9 * std::max(std::abs(low), std::abs(high)); }

/// Round numbers from low to high in about so many equal steps.
std::vector<double> equal_ticks(double low, double high, int steps) {
  std::vector<double> ticks;
  const double step = round_step((high - low) / steps);
  for (double k = std::ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; ++k) ticks.push_back(k * step);
  return ticks;
}

}  // namespace

double Axis::share(double value) const {
  if (logarithmic) return std::log(value / low) / std::log(high / low);
  return (value - low) / (high - low);
}

Axis linear_axis(double low, double high, int ticks, double most) {
  double room = 0.12 * (high - low);
  if (equal(low, high)) room = std::max(0.25 * std::abs(high), 1e-9);
  Axis axis{std::max(std::min(low, 0.0), low - room), std::min(std::max(most, high), high + room), false, {}};
  axis.ticks = equal_ticks(axis.low, axis.high, ticks);
  return axis;
}

Axis logarithmic_axis(double low, double high) {
  const double room = equal(low, high) ? 1.5 : std::pow(high / low, 0.08);
  Axis axis{low / room, high * room, true, {}};
  for (double power = std::floor(std::log10(axis.low)); power <= std::ceil(std::log10(axis.high)); ++power) {
    for (const double step : {1.0, 2.0, 5.0}) {
      const double tick = step * std::pow(10, power);
      if (tick >= axis.low && tick <= axis.high) axis.ticks.push_back(tick);
    }
  }
  if (axis.ticks.size() < 2) axis.ticks = equal_ticks(axis.low, axis.high, 6);  // a narrow range
  return axis;
}

std::string tick_text(double value) { return fmt::format("{:.6g}", std::abs(value) < 1e-12 ? 0.0 : value); }

}  // namespace quench::report
