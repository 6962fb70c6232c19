#pragma once

#include <torch/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bits/sensitivity.h"
#include "core/byte_string.h"
#include "data/loading/loader.h"
#include "score/scorer.h"

namespace quench::bits {

/// What differs between a changed model and the float one, batch by batch.
///
/// Sums are taken over batches in their order, from what each batch gave. So where shares of the batches are looked at
/// by several processes, and each takes up what all of them wrote, in the order of shares, the sums are the same to the
/// bit.
class EffectSums {
 public:
  /// scorer: for Effect::score; null: scores are not asked for.
  explicit EffectSums(std::unique_ptr<score::Scorer> scorer = nullptr);

  /// What add() gets is a share, which write_share() tells of: its answers are kept for that, and not scored yet.
  void keep_share() { is_share_ = true; }
  /// Writes the share, and forgets it.
  void write_share(ByteWriter& out);
  /// Adds a share. truths: of its images, in order; looked at by the scorer alone. Throws Error{data}.
  void add_share(ByteReader& in, const std::vector<Truth>& truths);

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
  struct BatchEffect {
    std::vector<double> noise;  ///< of each output
    double loss_change = 0, images = 0;
  };
  std::vector<BatchEffect> batches_;
  std::unique_ptr<score::Scorer> scorer_;
  bool is_share_ = false;
  std::vector<score::Answer> kept_;  ///< of a share's images
};

}  // namespace quench::bits
