#pragma once

#include <optional>

#include "runtime/native/sparse_blocks.h"

namespace quench::runtime::native {

/// AVX2 multiplies bytes and adds neighbouring products in 16 bits, which saturate where two weights of one sign add up
/// to more than 128. Such pairs are rare in trained layers (1 to 2 %). What is too much is taken off the larger weight
/// of each and returned as blocks of its own, so that every product fits and the sum of both is exact.
///
/// nullopt, and nothing is changed, where so many blocks would be made that it does not pay, or kernels.pair_limit is
/// 0.
std::optional<SparseWeights<int8_t>> split_large_pairs(PackedU8& packed, const Kernels& kernels);

}  // namespace quench::runtime::native
