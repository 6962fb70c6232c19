#pragma once

#include <torch/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bits/sensitivity.h"
#include "data/loading/loader.h"
#include "score/scorer.h"

namespace quench::bits {

/// What differs between a changed model and the float one, batch by batch.
class EffectSums {
 public:
  /// scorer: for Effect::score; null: scores are not asked for.
  explicit EffectSums(std::unique_ptr<score::Scorer> scorer = nullptr);

  /// Outputs of the changed model and of the float one for a batch; loss_change: its loss less the float model's.
  /// truths: of the batch's images, looked at by the scorer alone.
  void add(const std::vector<torch::Tensor>& found, const std::vector<torch::Tensor>& expected, double loss_change,
           const data::Batch& batch, const std::vector<Truth>& truths);

  /// signal: of each output, the sum of squares of the float model's values. float_score: of the float model.
  Effect result(const std::vector<double>& signal, std::optional<double> float_score = {}) const;

  /// Null where there is none.
  const score::Scorer* scorer() const { return scorer_.get(); }
  std::optional<double> score() const;
  std::string score_name() const;

 private:
  struct LossChange {
    double change, images;
  };
  std::vector<double> noise_;  ///< of each output
  std::vector<LossChange> losses_;
  std::unique_ptr<score::Scorer> scorer_;
};

}  // namespace quench::bits
