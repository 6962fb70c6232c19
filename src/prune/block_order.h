#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "prune/sparsity_pattern.h"

namespace quench::prune {

/// The weights [O, I, places] of a layer in another order: those of a block one after another. A block is `pattern.n`
/// output by `pattern.m` input channels at one place of the kernel, smaller at the end of the outputs of each group and
/// of the inputs.
class BlockOrder {
 public:
  /// inputs: of one output channel. groups: of a convolution; outputs are a multiple of it.
  BlockOrder(int64_t outputs, int64_t inputs, int64_t places, int64_t groups, const SparsityPattern& pattern);

  /// Weights of each block, in order.
  const std::vector<int32_t>& sizes() const { return sizes_; }
  std::vector<float> in_blocks(std::span<const float> weights) const;
  /// The reverse.
  void restore(std::span<const float> in_blocks, std::span<float> weights) const;

 private:
  std::vector<int32_t> sizes_;
  std::vector<int64_t> from_;  ///< of each weight in blocks: where it lies in the layer
};

}  // namespace quench::prune
