#pragma once

#include <torch/types.h>

namespace quench::quant {

/// Sums of the values of each channel over images and places.
struct ChannelSums {
  torch::Tensor sum;  ///< [C] float64; undefined before the first values
  double count = 0;   ///< values of a channel

  /// value: [N,C,H,W] or [N,C].
  void add(const torch::Tensor& value) {
    const torch::Tensor more =
        value.dim() == 4 ? value.sum({0, 2, 3}, false, torch::kDouble) : value.sum({0}, false, torch::kDouble);
    sum = sum.defined() ? sum + more : more;
    count += static_cast<double>(value.numel() / value.size(1));
  }
  torch::Tensor mean() const { return sum / count; }
};

}  // namespace quench::quant
