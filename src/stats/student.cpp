#include "stats/student.h"

#include <cmath>

#include "core/error.h"

namespace quench::stats {
namespace {

/// The regularized incomplete beta function I_x(a, b) for x below (a + 1) / (a + b + 2), where the fraction converges
/// fast (Lentz's method).
double beta_fraction(double x, double a, double b) {
  constexpr double kTiny = 1e-300;
  constexpr int kMostSteps = 10'000;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  d = 1 / (std::abs(d) < kTiny ? kTiny : d);
  double value = d;
  for (int m = 1; m < kMostSteps; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    double factor = 1;
    for (const double term : {even, odd}) {
      d = 1 + term * d;
      d = 1 / (std::abs(d) < kTiny ? kTiny : d);
      c = 1 + term / c;
      if (std::abs(c) < kTiny) c = kTiny;
      factor = c * d;
      value *= factor;
    }
    if (std::abs(factor - 1) < 1e-15) break;
  }
  return value * std::exp(a * std::log(x) + b * std::log1p(-x) + std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b)) /
         a;
}

double incomplete_beta(double x, double a, double b) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  return x < (a + 1) / (a + b + 2) ? beta_fraction(x, a, b) : 1 - beta_fraction(1 - x, b, a);
}

}  // namespace

double student_cdf(double t, double freedom) {
  ensure(freedom > 0 && !std::isnan(t), "[stats.student] expected degrees of freedom above 0, got {} (t {})", freedom,
         t);
  if (std::isinf(freedom) || freedom > 1e7) return 0.5 * std::erfc(-t / std::sqrt(2.0));
  if (std::isinf(t)) return t < 0 ? 0 : 1;
  const double square = t * t;
  if (square < freedom) {  // near 0: from the middle, where the tail would lose digits
    return 0.5 + std::copysign(0.5 * incomplete_beta(square / (freedom + square), 0.5, freedom / 2), t);
  }
  const double tail = 0.5 * incomplete_beta(freedom / (freedom + square), freedom / 2, 0.5);
  return t > 0 ? 1 - tail : tail;
}

double student_quantile(double p, double freedom) {
  ensure(p > 0 && p < 1, "[stats.student] expected a probability between 0 and 1, got {}", p);
  double low = -1, high = 1;
  while (student_cdf(low, freedom) > p) low *= 2;
  while (student_cdf(high, freedom) < p) high *= 2;
  for (int step = 0; step < 200 && high - low > 1e-13 * (1 + std::abs(low)); ++step) {
    const double middle = (low + high) / 2;
    (student_cdf(middle, freedom) < p ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace quench::stats
