#pragma once

#include <optional>
#include <vector>

#include "runtime/native/pack.h"

namespace quench::runtime::native {

/// Packed weights of a convolution without the blocks that are all 0. A block is what one step of the kernel
/// multiplies: a vector of output channels by 4 (int8) or 1 (float32) consecutive values of the window.
template <typename T>
struct SparseWeights {
  Aligned<T> weights;          ///< the blocks, one after another
  std::vector<int64_t> first;  ///< of each vector of output channels, its first block; the end
  std::vector<int64_t> step;   ///< of each block: the walk's step (tap x run + step of the run) that it multiplies
  double share = 0;            ///< of all blocks
};

/// Skipping pays where at most this share of the blocks holds a weight that is not 0 (docs/pruning.md has the figures).
constexpr double kSparseShare = 0.55;

/// nullopt where skipping does not pay: more than most_share of the blocks are left. A product with 0 adds nothing to
/// an integer: each of the kernel's vectors leaves out its own.
std::optional<SparseWeights<int8_t>> sparse_blocks(const PackedU8& packed, const Kernels& kernels,
                                                   double most_share = kSparseShare);

/// The same in float32, where 0 times a value that is not finite is not 0: what is left out must not depend on the
/// instruction set. It is the steps at which 16 channels (from a multiple of 16 on) are all 0, whatever the vectors.
std::optional<SparseWeights<float>> sparse_blocks(const PackedF32& packed, const Kernels& kernels);

}  // namespace quench::runtime::native
