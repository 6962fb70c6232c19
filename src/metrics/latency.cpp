#include "metrics/latency.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace quench::metrics {
namespace {

/// Nearest rank: the smallest sample with at least `percent` % of all samples at or below it.
int64_t percentile(const std::vector<int64_t>& sorted, int64_t percent) {
  const int64_t count = static_cast<int64_t>(sorted.size());
  const int64_t rank = (count * percent + 99) / 100;
  return sorted[static_cast<size_t>(std::max<int64_t>(rank, 1) - 1)];
}

}  // namespace

LatencySummary summarize(std::vector<int64_t> samples_ns) {
  ensure(!samples_ns.empty(), "[metrics.latency] expected at least one sample, got none");
  std::ranges::sort(samples_ns);
  double sum = 0;
  for (int64_t sample : samples_ns) sum += static_cast<double>(sample);
  LatencySummary summary;
  summary.samples = static_cast<int64_t>(samples_ns.size());
  summary.min_ns = samples_ns.front();
  summary.p50_ns = percentile(samples_ns, 50);
  summary.p90_ns = percentile(samples_ns, 90);
  summary.p99_ns = percentile(samples_ns, 99);
  summary.max_ns = samples_ns.back();
  summary.mean_ns = std::llround(sum / static_cast<double>(samples_ns.size()));
  summary.iqr_ns = percentile(samples_ns, 75) - percentile(samples_ns, 25);
  return summary;
}

std::vector<int64_t> round_medians(const std::vector<int64_t>& samples_ns, int64_t rounds) {
  ensure(rounds > 0, "[metrics.latency] expected rounds, got {}", rounds);
  const auto count = static_cast<int64_t>(samples_ns.size());
  rounds = std::min(rounds, count);
  std::vector<int64_t> medians;
  for (int64_t round = 0; round < rounds; ++round) {
    std::vector<int64_t> part(samples_ns.begin() + round * count / rounds,
                              samples_ns.begin() + (round + 1) * count / rounds);
    std::ranges::sort(part);
    medians.push_back(percentile(part, 50));
  }
  return medians;
}

}  // namespace quench::metrics
