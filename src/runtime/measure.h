#pragma once

#include "core/cancel.h"
#include "metrics/latency.h"
#include "runtime/runtime.h"

namespace quench::runtime {

struct MeasureOptions {
  int64_t min_samples = 100;
  double min_seconds = 1.0;
  double max_warm_up_seconds = 5.0;  ///< warm-up ends when the median of the last runs is stable within 2 %, or here
};

struct Measurement {
  metrics::LatencySummary latency;  ///< batch 1, run() alone: input ready, outputs read
  int64_t warm_up_runs = 0;
  bool stable = false;  ///< warm-up reached stability
};

/// Latency of one session on one image ([1,3,H,W] of its input dtype).
Measurement measure(Session& session, const Tensor& input, const MeasureOptions& options, const CancelToken& cancel);

/// Several sessions in turn (A B C A B C ...), so that a drift of the machine's speed hits all alike.
std::vector<Measurement> measure_interleaved(const std::vector<Session*>& sessions, const std::vector<Tensor>& inputs,
                                             const MeasureOptions& options, const CancelToken& cancel);

}  // namespace quench::runtime
