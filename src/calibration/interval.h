#pragma once

#include <optional>
#include <span>

namespace quench::calibration {

/// A figure over several seeds.
struct Interval {
  double mean = 0;
  std::optional<double> half;  ///< of the 95 % interval of the mean, by Student's t; none for one seed
};

/// values: one or more.
Interval interval_of(std::span<const double> values);

}  // namespace quench::calibration
