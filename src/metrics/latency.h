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

}  // namespace quench::metrics
