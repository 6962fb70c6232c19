#pragma once

#include <torch/types.h>

#include <vector>

#include "core/byte_string.h"

namespace quench::quant {

/// Sums of the squares of each channel's values, batch by batch. Each batch's sums are taken in one order, by one
/// thread, and those of batches are added in the order of batches, so that the means depend neither on the number of
/// threads nor on which process looked at which batches.
class ChannelSquares {
 public:
  /// A batch's values: [N,C,H,W] or [N,C], float32.
  void add(const torch::Tensor& value);
  /// Of each channel; empty where nothing was added.
  std::vector<double> means() const;

  void write(ByteWriter& out) const;
  /// The batches of another, behind these. Throws Error{data}.
  void add(ByteReader& in);

 private:
  struct Batch {
    std::vector<double> sums;  ///< of each channel
    double count = 0;          ///< values of a channel
  };
  std::vector<Batch> batches_;
};

}  // namespace quench::quant
