#include "calibration/interval.h"

#include <cmath>

#include "stats/student.h"

namespace quench::calibration {

Interval interval_of(std::span<const double> values) {
  const auto count = static_cast<double>(values.size());
  Interval out;
  for (const double value : values) out.mean += value / count;
  if (values.size() < 2) return out;
  double squares = 0;
  for (const double value : values) squares += (value - out.mean) * (value - out.mean);
  out.half = stats::student_quantile(0.975, count - 1) * std::sqrt(squares / (count - 1) / count);
  return out;
}

}  // namespace quench::calibration
