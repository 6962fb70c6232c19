#include "runtime/native/large_pairs.h"

#include <algorithm>
#include <cstdlib>

namespace quench::runtime::native {
namespace {

/// Of all blocks. From about here on the kernel of 32-bit sums is as fast.
constexpr double kMostRest = 0.6;

/// What must be taken off the larger of two weights, with its sign; 0: nothing.
int excess(int a, int b, int limit) {
  if (a > 0 && b > 0) return std::max(0, a + b - limit);
  if (a < 0 && b < 0) return std::min(0, a + b + limit);
  return 0;
}

}  // namespace

std::optional<SparseWeights<int8_t>> split_large_pairs(PackedU8& packed, const Kernels& kernels) {
  if (kernels.pair_limit == 0) return std::nullopt;
  PackedU8 rest;
  rest.walk = packed.walk;
  rest.bias = Aligned<int32_t>(packed.bias.size());  // as many vectors
  rest.weights = Aligned<int8_t>(packed.weights.size());
  for (int64_t i = 0; i + 1 < packed.weights.size(); i += 2) {
    const int a = packed.weights[i], b = packed.weights[i + 1], off = excess(a, b, kernels.pair_limit);
    const bool first = std::abs(a) > std::abs(b);
    rest.weights[i] = static_cast<int8_t>(first ? off : 0);
    rest.weights[i + 1] = static_cast<int8_t>(first ? 0 : off);
  }
  auto blocks = sparse_blocks(rest, kernels, kMostRest);
  if (!blocks) return std::nullopt;
  for (int64_t i = 0; i < packed.weights.size(); ++i) {
    packed.weights[i] = static_cast<int8_t>(packed.weights[i] - rest.weights[i]);
  }
  return blocks;
}

}  // namespace quench::runtime::native
