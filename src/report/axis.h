#pragma once

#include <string>
#include <vector>

namespace quench::report {

/// What an axis shows, and where it is marked.
struct Axis {
  double low = 0, high = 1;
  bool logarithmic = false;
  std::vector<double> ticks;  ///< round numbers within [low, high], ascending

  /// Where a value lies between low (0) and high (1).
  double share(double value) const;
};

/// For values from `low` to `high` with room at both ends, which does not reach below 0; `high` = `low` is one value.
Axis linear_axis(double low, double high, int ticks, double most);
/// Likewise, in equal factors. low is above 0.
Axis logarithmic_axis(double low, double high);

/// A tick as a text: "0.02", "1.5", "20".
std::string tick_text(double value);

}  // namespace quench::report
