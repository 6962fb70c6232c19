#pragma once

#include <cstdint>
#include <vector>

namespace quench::metrics {

/// Distribution of latencies. Nothing is clipped.
struct LatencySummary {
  int64_t samples = 0;
  int64_t min_ns = 0;
  int64_t p50_ns = 0;
  int64_t p90_ns = 0;
  int64_t p99_ns = 0;
  int64_t max_ns = 0;
  int64_t mean_ns = 0;
  int64_t iqr_ns = 0;  ///< p75 - p25
};

/// Percentiles by nearest rank. Throws Error{internal} for no samples.
LatencySummary summarize(std::vector<int64_t> samples_ns);

/// Rounds that a timing is told in: enough for an interval of their median, few enough to be kept beside a record.
inline constexpr int64_t kRounds = 30;

/// Medians (nearest rank) of `rounds` consecutive parts of the samples, which differ by one sample at most in length;
/// of fewer parts where there are fewer samples than rounds. Samples of models that were taken in turn have parts that
/// were taken at the same time. In the samples' order. Throws Error{internal} for rounds < 1.
std::vector<int64_t> round_medians(const std::vector<int64_t>& samples_ns, int64_t rounds = kRounds);

}  // namespace quench::metrics
