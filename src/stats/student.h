#pragma once

namespace quench::stats {

/// Student's t distribution (1908) with `freedom` > 0 degrees of freedom: P(T <= t), by the incomplete beta function's
/// continued fraction (Abramowitz & Stegun 26.5.8). An infinite `freedom` is the normal distribution.
double student_cdf(double t, double freedom);

/// Its inverse: the t with P(T <= t) = p, for p in (0, 1).
double student_quantile(double p, double freedom);

}  // namespace quench::stats
