#include "stats/estimate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/error.h"
#include "stats/student.h"

namespace quench::stats {
namespace {

/// Replicates beyond 0 below which counting them says little of the tail.
constexpr double kFewBeyond = 3;

double mean(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double variance(std::span<const double> values) {
  if (values.size() < 2) return 0;
  const double centre = mean(values);
  double sum = 0;
  for (const double value : values) sum += (value - centre) * (value - centre);
  return sum / static_cast<double>(values.size() - 1);
}

std::vector<double> values_of(std::span<const Replicates> seeds) {
  std::vector<double> values;
  for (const Replicates& seed : seeds) values.push_back(seed.value);
  return values;
}

/// The replicates of the mean over seeds; those in which a figure is not defined are left out.
std::vector<double> mean_replicates(std::span<const Replicates> seeds) {
  std::vector<double> means(seeds[0].resampled.size(), 0);
  for (const Replicates& seed : seeds) {
    ensure(seed.resampled.size() == means.size(), "[stats.estimate] expected {} replicates of each seed, got {}",
           means.size(), seed.resampled.size());
    for (size_t b = 0; b < means.size(); ++b) means[b] += seed.resampled[b] / static_cast<double>(seeds.size());
  }
  return means;
}

/// Linear between order statistics; sorted: ascending.
double percentile(std::span<const double> sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

/// What seeds add to the variance of a mean, and on how many degrees of freedom that stands.
struct SeedVariance {
  double variance = 0, freedom = 0;
};

SeedVariance seed_variance(std::span<const double> values) {
  return {variance(values) / static_cast<double>(values.size()), static_cast<double>(values.size()) - 1};
}

void set_from_images(Estimate& estimate, std::vector<double> resampled) {
  std::ranges::sort(resampled);
  estimate.low = percentile(resampled, 0.025);
  estimate.high = percentile(resampled, 0.975);
  const auto count = static_cast<double>(resampled.size());
  const double error = std::sqrt(variance(resampled));
  const auto at_most = static_cast<double>(std::ranges::upper_bound(resampled, 0.0) - resampled.begin());
  const auto at_least = static_cast<double>(resampled.end() - std::ranges::lower_bound(resampled, 0.0));
  const double beyond = std::min(at_most, at_least);
  estimate.p = std::min(1.0, 2 * (beyond + 1) / (count + 1));
  if (beyond >= kFewBeyond || error == 0) return;
  const double tail = 2 * student_cdf(-std::abs(estimate.value) / error, std::numeric_limits<double>::infinity());
  estimate.p = std::min(estimate.p, tail);
}

void set_from_seeds(Estimate& estimate, std::span<const double> resampled, std::span<const SeedVariance> seeds) {
  double seeds_variance = 0, squares = 0;
  for (const SeedVariance& part : seeds) {
    seeds_variance += part.variance;
    if (part.freedom > 0) squares += part.variance * part.variance / part.freedom;
  }
  const double sum = variance(resampled) + seeds_variance;
  const double freedom = squares > 0 ? sum * sum / squares : std::numeric_limits<double>::infinity();
  const double error = std::sqrt(sum), reach = error > 0 ? student_quantile(0.975, freedom) * error : 0;
  estimate.low = estimate.value - reach;
  estimate.high = estimate.value + reach;
  if (error > 0) {
    estimate.p = 2 * student_cdf(-std::abs(estimate.value) / error, freedom);
  } else {
    estimate.p = estimate.value == 0 ? 1 : 0;
  }
}

Estimate estimate_of(double value, std::vector<double> resampled, std::span<const SeedVariance> seeds, int64_t count) {
  Estimate estimate{.value = value, .low = value, .high = value, .p = 1, .seeds = count, .deviation = {}};
  std::erase_if(resampled, [](double x) { return std::isnan(x); });
  if (resampled.empty()) {
    estimate.low = estimate.high = estimate.p = std::numeric_limits<double>::quiet_NaN();
  } else if (count < 2) {
    set_from_images(estimate, std::move(resampled));
  } else {
    set_from_seeds(estimate, resampled, seeds);
  }
  return estimate;
}

}  // namespace

Estimate mean_of(std::span<const Replicates> seeds) {
  ensure(!seeds.empty(), "[stats.estimate] expected seeds, got none");
  const std::vector<double> values = values_of(seeds);
  const SeedVariance part = seed_variance(values);
  Estimate estimate = estimate_of(mean(values), mean_replicates(seeds), {&part, 1}, static_cast<int64_t>(seeds.size()));
  if (seeds.size() > 1) estimate.deviation = std::sqrt(variance(values));
  return estimate;
}

Estimate difference(std::span<const Replicates> a, std::span<const Replicates> b, bool paired) {
  ensure(!a.empty() && !b.empty(), "[stats.estimate] expected seeds on both sides, got {} and {}", a.size(), b.size());
  std::vector<double> resampled = mean_replicates(a);
  const std::vector<double> others = mean_replicates(b);
  ensure(resampled.size() == others.size(), "[stats.estimate] expected equal numbers of replicates, got {} and {}",
         resampled.size(), others.size());
  for (size_t i = 0; i < resampled.size(); ++i) resampled[i] -= others[i];
  const std::vector<double> values_a = values_of(a), values_b = values_of(b);
  const double value = mean(values_a) - mean(values_b);
  if (!paired) {
    const SeedVariance parts[] = {seed_variance(values_a), seed_variance(values_b)};
    return estimate_of(value, std::move(resampled), parts, static_cast<int64_t>(std::min(a.size(), b.size())));
  }
  ensure(a.size() == b.size(), "[stats.estimate] expected pairs of seeds, got {} and {}", a.size(), b.size());
  std::vector<double> gaps;
  for (size_t i = 0; i < a.size(); ++i) gaps.push_back(values_a[i] - values_b[i]);
  const SeedVariance part = seed_variance(gaps);
  Estimate estimate = estimate_of(value, std::move(resampled), {&part, 1}, static_cast<int64_t>(a.size()));
  // No test of pairs finds more than the sign test of as many images that all say the same.
  if (a.size() == 1 && a[0].images > 0) {
    estimate.p = std::max(estimate.p, std::exp2(1 - static_cast<double>(a[0].images)));
  }
  if (a.size() > 1) estimate.deviation = std::sqrt(variance(gaps));
  return estimate;
}

}  // namespace quench::stats
