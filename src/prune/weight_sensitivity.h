#pragma once

#include <map>
#include <string>
#include <vector>

#include "prune/image_criterion.h"

namespace quench::prune {

/// What the loss would change by to first order if one weight became 0, squared: the mean over batches of (g·w)², g the
/// gradient of a batch's mean loss (Molchanov et al. 2019, *Importance Estimation for Neural Network Pruning*, eq. 8,
/// each weight by itself). graph must outlive it.
class WeightSensitivity : public ImageCriterion {
 public:
  /// names: of weights, such as "model.0.conv.weight". batch: images.
  WeightSensitivity(const graph::Graph& graph, std::vector<std::string> names, int64_t batch);

  bool wants_gradients() const override { return true; }
  int64_t batch() const override { return batch_; }
  void add(const SeenBatch& seen) override;

  /// Of every weight of `name`, in its order. Throws Error{data} where no batch was seen.
  std::vector<float> scores(const std::string& name) const;

 private:
  const graph::Graph& graph_;
  int64_t batch_, batches_ = 0;
  std::map<std::string, std::vector<float>> sums_;
};

}  // namespace quench::prune
