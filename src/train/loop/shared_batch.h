#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <span>

namespace quench::train {

/// The batch that this process trains on, or has a share of where several processes do. A loss computes its share of
/// the batch's loss by it: the shares of all processes add up to what one process has of the whole batch, and so do
/// their gradients. A mean over images is the mean over those here times share(); what is divided by a sum over the
/// batch (of scores, of matches) is divided by that of the whole batch.
class SharedBatch {
 public:
  /// Replaces doubles by their sums over all processes.
  using Sum = std::function<void(std::span<double>)>;

  /// One process, which has all.
  SharedBatch() = default;
  explicit SharedBatch(Sum sum) : sum_(std::move(sum)) {}

  bool shared() const { return static_cast<bool>(sum_); }
  /// The next batch: its images in all, and those here.
  void begin(int64_t here, int64_t whole) { share_ = static_cast<double>(here) / static_cast<double>(whole); }
  /// The part of the batch's images that is here; 1: all.
  double share() const { return share_; }

  /// Values of this process become those of the whole batch. An act of all processes.
  void sum(std::span<double> values) const {
    if (sum_) sum_(values);
  }
  /// Likewise a tensor of any float type and device, as a new one, detached; the tensor itself where there is one
  /// process.
  torch::Tensor summed(const torch::Tensor& values) const;

 private:
  Sum sum_;
  double share_ = 1;
};

}  // namespace quench::train
