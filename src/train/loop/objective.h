#pragma once

#include <torch/types.h>

#include <memory>
#include <string>
#include <vector>

#include "core/cancel.h"
#include "data/loading/loader.h"
#include "nn/graph_module.h"
#include "score/scores.h"
#include "train/loop/evaluation.h"
#include "train/loop/fit_settings.h"

namespace quench::train {

/// What a model is trained for: the loss of a batch, and how good the model is on a test split.
class Objective {
 public:
  virtual ~Objective() = default;

  /// Scalar, mean over the images of the batch, differentiable by the module's raw outputs.
  virtual torch::Tensor loss(const std::vector<torch::Tensor>& outputs, const data::Batch& batch) = 0;
  /// What the loss is multiplied by for the gradient. Learning rates of detectors are published for a loss that is
  /// summed over a nominal batch of 64 images: theirs is 64, whatever the batch, so that the rates mean the same.
  virtual double gradient_gain() const { return 1; }

  /// Scores of a module in evaluation mode over a data set, without augmentation; the first ranks weights. Throws
  /// Error{cancelled}; Error{data} naming how many images gave NaN.
  virtual score::Scores test(nn::GraphModule& module, std::shared_ptr<const data::Dataset> dataset,
                             const EvaluationOptions& options, const CancelToken* cancel) = 0;
};

/// The objective of the graph's task (metadata `task`; `classify` where it says nothing). Throws Error{config} where
/// the graph's outputs do not fit the data's task or classes.
std::unique_ptr<Objective> make_objective(const graph::Graph& graph, const data::Splits& data,
                                          const FitSettings& settings);

// The two there are.
std::unique_ptr<Objective> classify_objective(const graph::Graph& graph, const data::Splits& data,
                                              const FitSettings& settings);
std::unique_ptr<Objective> detect_objective(const graph::Graph& graph, const data::Splits& data,
                                            const FitSettings& settings);

}  // namespace quench::train
