#pragma once

#include <torch/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "data/loading/loader.h"
#include "graph/graph.h"
#include "train/loop/fit_settings.h"

namespace quench::train {

/// What a model is trained for: the loss of a batch.
class Objective {
 public:
  virtual ~Objective() = default;

  /// Scalar, mean over the images of the batch, differentiable by the values; where several processes share the batch,
  /// this one's share of it (FitSettings::shared). outputs: the module's raw outputs, then the values of watched().
  virtual torch::Tensor loss(const std::vector<torch::Tensor>& outputs, const data::Batch& batch) = 0;
  /// Edges of the graph whose values the loss reads beside the outputs.
  virtual std::vector<graph::EdgeId> watched() const { return {}; }
  /// Tensors of its own that are trained along (leaves), by name. Checkpoints have them; the result does not.
  virtual std::map<std::string, torch::Tensor> parameters() const { return {}; }
  /// What the loss is multiplied by for the gradient. Learning rates of detectors are published for a loss that is
  /// summed over a nominal batch of 64 images: theirs is 64, whatever the batch, so that the rates mean the same.
  virtual double gradient_gain() const { return 1; }
};

/// The objective of the graph's task. Throws Error{config} where
/// the graph's outputs do not fit the data's task or classes.
std::unique_ptr<Objective> make_objective(const graph::Graph& graph, const data::Splits& data,
                                          const FitSettings& settings);

}  // namespace quench::train
