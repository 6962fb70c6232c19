#include "calibration/interval.h"

#include <array>
#include <cmath>

namespace quench::calibration {
namespace {

/// 97.5 % quantiles of Student's t for 1, 2, ... degrees of freedom.
constexpr std::array<double, 30> kStudent = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                                             2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
                                             2.080,  2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};

}  // namespace

Interval interval_of(std::span<const double> values) {
  const auto count = static_cast<double>(values.size());
  Interval out;
  for (const double value : values) out.mean += value / count;
  if (values.size() < 2) return out;
  double squares = 0;
  for (const double value : values) squares += (value - out.mean) * (value - out.mean);
  const size_t freedom = values.size() - 1;
  const double quantile = freedom <= kStudent.size() ? kStudent[freedom - 1] : 1.96;
  out.half = quantile * std::sqrt(squares / (count - 1) / count);
  return out;
}

}  // namespace quench::calibration
