#include "stats/paired_ratio.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "stats/student.h"

namespace quench::stats {
namespace {

/// P(X <= k) of X the heads among n tosses of a fair coin.
double at_most_heads(int64_t k, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i <= k; ++i) {
    const auto all = static_cast<double>(n), heads = static_cast<double>(i);
    sum += std::exp(std::lgamma(all + 1) - std::lgamma(heads + 1) - std::lgamma(all - heads + 1) - all * std::log(2.0));
  }
  return std::min(sum, 1.0);
}

double middle_of(const std::vector<double>& sorted) {
  const size_t half = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

Estimate of_rounds(const std::vector<double>& sorted) {
  const auto n = static_cast<int64_t>(sorted.size());
  Estimate estimate{.value = middle_of(sorted), .low = 0, .high = 0, .p = 1, .seeds = 1, .deviation = {}};
  int64_t rank = 0;
  while (2 * at_most_heads(rank, n) <= 0.05) ++rank;
  if (rank == 0) {
    estimate.low = estimate.high = std::numeric_limits<double>::quiet_NaN();
    return estimate;
  }
  estimate.low = sorted[static_cast<size_t>(rank - 1)];
  estimate.high = sorted[static_cast<size_t>(n - rank)];
  const auto below = std::ranges::lower_bound(sorted, 1.0) - sorted.begin();
  const auto above = sorted.end() - std::ranges::upper_bound(sorted, 1.0);
  estimate.p = std::min(1.0, 2 * at_most_heads(std::min(below, above), below + above));
  return estimate;
}

}  // namespace

Estimate paired_ratio(std::span<const std::vector<double>> timings) {
  ensure(!timings.empty(), "[stats.paired_ratio] expected timings, got none");
  std::vector<double> logarithms;
  for (const std::vector<double>& ratios : timings) {
    ensure(!ratios.empty() && std::ranges::all_of(ratios, [](double ratio) { return ratio > 0; }),
           "[stats.paired_ratio] expected ratios above 0 of each timing");
    std::vector<double> sorted = ratios;
    std::ranges::sort(sorted);
    if (timings.size() == 1) return of_rounds(sorted);
    logarithms.push_back(std::log(middle_of(sorted)));
  }
  const auto count = static_cast<double>(logarithms.size());
  double mean = 0, squares = 0;
  for (const double value : logarithms) mean += value / count;
  for (const double value : logarithms) squares += (value - mean) * (value - mean);
  const double error = std::sqrt(squares / (count - 1) / count);
  const double reach = student_quantile(0.975, count - 1) * error;
  Estimate estimate{.value = std::exp(mean),
                    .low = std::exp(mean - reach),
                    .high = std::exp(mean + reach),
                    .p = mean == 0 ? 1.0 : 0.0,
                    .seeds = static_cast<int64_t>(timings.size()),
                    .deviation = {}};
  if (error > 0) estimate.p = 2 * student_cdf(-std::abs(mean) / error, count - 1);
  return estimate;
}

}  // namespace quench::stats
