#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/cancel.h"
#include "core/clock.h"
#include "metrics/latency.h"
#include "runtime/runtime.h"

namespace quench::runtime {

struct MeasureOptions {
  int64_t min_samples = 100;
  /// Measuring goes on until each session has min_samples and this much time has passed for each session.
  double min_seconds = 1.0;
  double max_warm_up_seconds = 5.0;           ///< for each session; ends earlier where all are stable
  std::function<int64_t()> clock = now_ns;    ///< monotonic nanoseconds
  std::function<void()> before_samples = {};  ///< called once, between warm-up and the first sample
  std::function<void()> after_samples = {};   ///< called once, after the last sample
};

struct Measurement {
  metrics::LatencySummary latency;  ///< batch 1, run() alone: input ready, outputs read
  int64_t warm_up_runs = 0;
  bool stable = false;  ///< warm-up reached stability
  double seconds = 0;   ///< from the first sample's start to the last one's end; of all sessions together
  /// Of sessions in turn: metrics::round_medians of the samples. Round i of each was taken at the same time, so that
  /// their ratios do not hold what the machine did meanwhile.
  std::vector<int64_t> rounds_ns = {};
};

/// Seeded noise, one image of the graph's size as uint8 pixels. Latency of dense arithmetic does not depend on values.
Tensor noise_image(const graph::Graph& graph);

/// Latency of one session on one image ([1,3,H,W] of its input dtype).
///
/// Warm-up: windows of runs (at least 10 runs and 50 ms each); stable where the medians of the last two windows differ
/// by less than 2 %. Then every run is a sample: none is left out or clipped.
/// A session that times itself gives its own latencies, as many as are asked for at least; its warm-up is not judged.
/// Throws Error{data} where the batch is not 1, Error{cancelled}, and what run() throws.
Measurement measure(Session& session, const Tensor& input, const MeasureOptions& options, const CancelToken& cancel);

/// Several sessions in turn, so that a drift of the machine's speed hits all alike: in each pass every one runs once,
/// in a seeded random order (A B C, C A B, ...), so that none has always the same one before it. Each runs after the
/// others have used the caches, as on a device that does more than one thing. Sessions that time themselves cannot be
/// taken in turn: Error{internal}.
std::vector<Measurement> measure_interleaved(const std::vector<Session*>& sessions, const std::vector<Tensor>& inputs,
                                             const MeasureOptions& options, const CancelToken& cancel);

}  // namespace quench::runtime
