#pragma once

#include <torch/types.h>

#include <optional>
#include <vector>

#include "score/scores.h"
#include "train/loop/loss_parts.h"

namespace quench::train {

/// Adds up the losses of an epoch without making the device wait: values on the CPU are read at once, those of another
/// device in groups of 50.
class LossLog {
 public:
  /// A loss that is not finite, where it was met.
  struct Bad {
    int64_t step;
    double lr;
    double loss;
  };

  /// loss: scalar, mean over `images`; parts: its terms. Returns the first bad loss among those read now, if any.
  std::optional<Bad> add(const torch::Tensor& loss, int64_t images, int64_t step, double lr,
                         const LossParts& parts = {});
  /// Reads what is pending.
  std::optional<Bad> flush();

  double sum() const { return sum_; }
  int64_t images() const { return images_; }
  double mean() const { return images_ > 0 ? sum_ / static_cast<double>(images_) : 0; }
  /// Means of the terms.
  score::Scores part_means() const;
  const score::Scores& part_sums() const { return part_sums_; }
  void restore(double sum, int64_t images, score::Scores part_sums = {});

 private:
  struct Pending {
    torch::Tensor loss;
    int64_t images;
    int64_t step;
    double lr;
    LossParts parts;
  };
  std::vector<Pending> pending_;
  double sum_ = 0;
  score::Scores part_sums_;
  int64_t images_ = 0;
};

}  // namespace quench::train
