#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <utility>

#include "core/cancel.h"
#include "core/json.h"
#include "core/labelled_images.h"
#include "core/log.h"
#include "data/loading/left_out.h"
#include "data/sets/dataset.h"
#include "runtime/runtime.h"
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
};

/// A model in a runtime, for inputs of any size.
class Engine {
 public:
  /// Throws Error{data} where a weight is too large to mean anything (graph/magnitude.h), and what load() throws.
  Engine(const runtime::Runtime& runtime, const graph::ModelFile& model, const runtime::SessionOptions& options);
  const graph::Graph& graph() const { return model_.graph; }
  /// The model as it is.
  runtime::Session& session() { return *sessions_.at(own_size()); }
  /// The model for another input size, made at first use.
  runtime::Session& session(int64_t height, int64_t width);

 private:
  std::pair<int64_t, int64_t> own_size() const;

  const runtime::Runtime& runtime_;
  const graph::ModelFile& model_;
  runtime::SessionOptions options_;
  std::map<std::pair<int64_t, int64_t>, std::unique_ptr<runtime::Session>> sessions_;
};

/// Runs every image of the split through the engine, in order; one that cannot be read is left out, with a warning.
/// Throws Error{data} where the split's task or classes are not those of the model's metadata, where no image can be
/// read, and where the model's outputs are not finite (score/finite.h).
score::Evaluation evaluate(Engine& engine, const data::Dataset& split, const EvaluateOptions& options,
                           const LogSink& log, const CancelToken& cancel);

/// The first image of a split that can be read, fitted to the model's input size: [1,3,H,W] uint8. What latencies are
/// measured with.
Tensor sample_image(const data::Dataset& split, const graph::Graph& graph);

}  // namespace quench::inference
