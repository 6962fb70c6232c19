#pragma once

#include "core/cancel.h"
#include "core/json.h"
#include "core/log.h"
#include "data/loading/left_out.h"
#include "data/sets/dataset.h"
#include "prediction/engine.h"
#include "score/evaluation.h"

namespace quench::inference {

struct EvaluateOptions {
  int64_t batch = 64;  ///< images a run, at most; fewer where they are large
  int workers = 2;
  Json settings;  ///< values of the task's config::evaluate_options(); null: defaults
};

using prediction::Engine;

/// Runs every image of the split through the engine, in order; one that cannot be read is left out, with a warning.
/// Throws Error{data} where the split's task or classes are not those of the model's metadata, where no image can be
/// read, and where the model's outputs are not finite (score/finite.h).
score::Evaluation evaluate(Engine& engine, const data::Dataset& split, const EvaluateOptions& options,
                           const LogSink& log, const CancelToken& cancel);

/// The first image of a split that can be read, fitted to the model's input size: [1,3,H,W] uint8. What latencies are
/// measured with.
Tensor sample_image(const data::Dataset& split, const graph::Graph& graph);

}  // namespace quench::inference
