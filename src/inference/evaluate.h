#pragma once

#include <functional>
#include <span>

#include "core/cancel.h"
#include "core/json.h"
#include "core/labelled_images.h"
#include "core/log.h"
#include "core/shards.h"
#include "data/loading/left_out.h"
#include "data/sets/dataset.h"
#include "prediction/engine.h"
#include "score/evaluation.h"
#include "score/scorer.h"

namespace quench::inference {

/// Who looks on: each image's answer, the raw outputs that it was read from, and what is true of the image, in order.
using Onlooker =
    std::function<void(const score::Answer&, std::span<const Tensor> outputs, int64_t in_batch, const Truth& truth)>;

struct EvaluateOptions {
  int64_t batch = 64;  ///< images a run, at most; fewer where they are large
  int workers = 2;
  Json settings;  ///< values of the task's config::evaluate_options(); null: defaults
  Onlooker seen = {};
  /// The processes that do this evaluation together, each on its share of the split; null: this one does it alone.
  /// Every one of them gets the whole result, to the bit what one process gives; `seen` sees its share.
  const Shards* shards = nullptr;
};

using prediction::Engine;

/// Runs every image of the split through the engine, in order; one that cannot be read is left out, with a warning.
/// Throws Error{data} where the split's task or classes are not those of the model's metadata, where no image can be
/// read, and where the model's outputs are not finite (score/finite.h). Of several processes, all throw what one would.
score::Evaluation evaluate(Engine& engine, const data::Dataset& split, const EvaluateOptions& options,
                           const LogSink& log, const CancelToken& cancel);

/// The first image of a split that can be read, fitted to the model's input size: [1,3,H,W] uint8. What latencies are
/// measured with.
Tensor sample_image(const data::Dataset& split, const graph::Graph& graph);

}  // namespace quench::inference
