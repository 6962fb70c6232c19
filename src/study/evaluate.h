#pragma once

#include <vector>

#include "core/cancel.h"
#include "core/log.h"
#include "data/dataset.h"
#include "runtime/runtime.h"

namespace quench::study {

struct Accuracy {
  double top1 = 0;
  double top5 = 0;
  int64_t samples = 0;
  std::vector<int32_t> predictions;
};

struct EvaluateOptions {
  int64_t batch = 64;
  int workers = 2;
};

/// Runs every image of the split through the session, in order. Throws Error{data} where the split's
/// classes are not those of the model's metadata.
Accuracy evaluate(runtime::Session& session, const graph::Graph& graph, const data::Dataset& split,
                  const EvaluateOptions& options, const LogSink& log, const CancelToken& cancel);

/// Image 0 of a split, fitted to the model's input size: [1,3,H,W] uint8. What latencies are measured with.
Tensor sample_image(const data::Dataset& split, const graph::Graph& graph);

}  // namespace quench::study
