#pragma once

#include <torch/types.h>

#include <optional>
#include <vector>

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

  /// loss: scalar, mean over `images`. Returns the first bad loss among those read now, if any.
  std::optional<Bad> add(const torch::Tensor& loss, int64_t images, int64_t step, double lr);
  /// Reads what is pending.
  std::optional<Bad> flush();

  double sum() const { return sum_; }
  int64_t images() const { return images_; }
  double mean() const { return images_ > 0 ? sum_ / static_cast<double>(images_) : 0; }
  void restore(double sum, int64_t images);

 private:
  struct Pending {
    torch::Tensor loss;
    int64_t images;
    int64_t step;
    double lr;
  };
  std::vector<Pending> pending_;
  double sum_ = 0;
  int64_t images_ = 0;
};

}  // namespace quench::train
