#pragma once

#include <optional>
#include <vector>

#include "runtime/native/pack.h"

namespace quench::runtime::native {

/// Packed weights of a convolution without the blocks that are all 0. A block is what one step of the kernel
/// multiplies: a vector of output channels by 4 consecutive values of the window.
struct SparseU8 {
  Aligned<int8_t> weights;     ///< the blocks, one after another
  std::vector<int64_t> first;  ///< of each vector of output channels, its first block; the end
  std::vector<int64_t> step;   ///< of each block: the walk's step (tap x run + step of the run) that it multiplies
  double share = 0;            ///< of all blocks
};

/// Skipping pays where at most this share of the blocks holds a weight that is not 0 (docs/pruning.md has the figures).
constexpr double kSparseShare = 0.55;

/// nullopt where skipping does not pay.
std::optional<SparseU8> sparse_blocks(const PackedU8& packed, const Kernels& kernels);

}  // namespace quench::runtime::native
