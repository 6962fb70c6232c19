#include "runtime/native/sparse_blocks.h"

#include <algorithm>

namespace quench::runtime::native {

std::optional<SparseU8> sparse_blocks(const PackedU8& packed, const Kernels& kernels) {
  const int64_t size = int64_t{4} * kernels.lanes;
  const int64_t depth = packed.walk.taps * packed.walk.run, vectors = packed.bias.size() / kernels.lanes;
  const int64_t passes = pass_count(vectors, kernels.u8_vectors);
  SparseU8 sparse;
  std::vector<const int8_t*> blocks;
  for (int64_t pass = 0; pass < passes; ++pass) {
    const int64_t begin = pass_begin(vectors, passes, pass), wide = pass_begin(vectors, passes, pass + 1) - begin;
    for (int64_t v = 0; v < wide; ++v) {
      sparse.first.push_back(static_cast<int64_t>(blocks.size()));
      for (int64_t step = 0; step < depth; ++step) {
        const int8_t* block = packed.weights.data() + (begin * depth + step * wide + v) * size;
        if (std::all_of(block, block + size, [](int8_t w) { return w == 0; })) continue;
        blocks.push_back(block);
        sparse.step.push_back(step);
      }
    }
  }
  const auto count = static_cast<int64_t>(blocks.size());
  sparse.first.push_back(count);
  sparse.share = static_cast<double>(count) / static_cast<double>(vectors * depth);
  if (sparse.share > kSparseShare) return std::nullopt;
  sparse.weights = Aligned<int8_t>(std::max<int64_t>(count, 1) * size);
  for (int64_t i = 0; i < count; ++i)
    std::copy_n(blocks[static_cast<size_t>(i)], size, sparse.weights.data() + i * size);
  return sparse;
}

}  // namespace quench::runtime::native
