#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "record/record.h"
#include "report/compare.h"
#include "report/kept.h"
#include "stats/estimate.h"

namespace quench::report {

/// How many times as long a method takes as its float32 model, on one runtime, device and number of threads.
struct LatencyRatio {
  std::vector<size_t> rows, against;  ///< indices into the records, by seed: against[i] was timed together with rows[i]
  double ms = 0, against_ms = 0;      ///< means over seeds of the medians
  /// Median of the ratios of rounds that both took part in (stats/paired_ratio.h). Not paired: the ratio of `ms`, and
  /// no interval.
  stats::Estimate ratio;
  bool paired = false;    ///< every row and what it is against have their rounds
  int64_t rounds = 0;     ///< that were paired, of all timings
  double p_adjusted = 1;  ///< ratio.p by Holm's method over the methods of one runtime and device
};

/// Of each method that was timed together with its float32 model, in order of first appearance. rows: of one section.
std::vector<LatencyRatio> latency_ratios(const std::vector<record::Record>& rows, Metric metric,
                                         const RoundsOf& rounds_of);

/// "net / ptq mse / native, 1 thread".
std::string timed_label(const record::Record& record);

/// A line of a table for people: "net / ptq / native, 1 thread", "0.734", "0.564", "0.560 to 0.569", "30", "1", p.
struct RatioLine {
  std::string method, ms, ratio, interval, rounds, timings, p;
};
std::vector<RatioLine> ratio_lines(const std::vector<record::Record>& rows, const std::vector<LatencyRatio>& ratios);

}  // namespace quench::report
