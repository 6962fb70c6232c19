#include "runtime/native/sparse_blocks.h"

#include <algorithm>

namespace quench::runtime::native {
namespace {

constexpr int64_t kFloatChannels = 16;

/// Dense packed weights by vector of output channels and step of the walk.
template <typename T>
struct Blocks {
  const T* weights;
  int64_t size, depth, vectors, most;

  const T* at(int64_t vector, int64_t step) const {
    const int64_t passes = pass_count(vectors, most);
    int64_t pass = 0;
    while (pass_begin(vectors, passes, pass + 1) <= vector) ++pass;
    const int64_t begin = pass_begin(vectors, passes, pass), wide = pass_begin(vectors, passes, pass + 1) - begin;
    return weights + (begin * depth + step * wide + vector - begin) * size;
  }
  bool is_zero(int64_t vector, int64_t step) const {
    const T* block = at(vector, step);
    return std::all_of(block, block + size, [](T w) { return w == 0; });
  }
};

/// together: vectors that leave out the same steps.
template <typename T>
std::optional<SparseWeights<T>> without_zeros(const Blocks<T>& blocks, int64_t together) {
  SparseWeights<T> sparse;
  std::vector<const T*> kept;
  int64_t all = 0, left = 0;
  for (int64_t vector = 0; vector < blocks.vectors; vector += together) {
    const int64_t end = std::min(vector + together, blocks.vectors);
    std::vector<int64_t> steps;
    for (int64_t step = 0; step < blocks.depth; ++step) {
      bool zero = true;
      for (int64_t v = vector; v < end; ++v) zero = zero && blocks.is_zero(v, step);
      if (!zero) steps.push_back(step);
    }
    all += blocks.depth;
    left += static_cast<int64_t>(steps.size());
    for (int64_t v = vector; v < end; ++v) {
      sparse.first.push_back(static_cast<int64_t>(kept.size()));
      for (const int64_t step : steps) kept.push_back(blocks.at(v, step));
      sparse.step.insert(sparse.step.end(), steps.begin(), steps.end());
    }
  }
  const auto count = static_cast<int64_t>(kept.size());
  sparse.first.push_back(count);
  sparse.share = static_cast<double>(left) / static_cast<double>(all);
  if (sparse.share > kSparseShare) return std::nullopt;
  sparse.weights = Aligned<T>(std::max<int64_t>(count, 1) * blocks.size);
  for (int64_t i = 0; i < count; ++i) {
    std::copy_n(kept[static_cast<size_t>(i)], blocks.size, sparse.weights.data() + i * blocks.size);
  }
  return sparse;
}

}  // namespace

std::optional<SparseWeights<int8_t>> sparse_blocks(const PackedU8& packed, const Kernels& kernels) {
  const int64_t depth = packed.walk.taps * packed.walk.run, vectors = packed.bias.size() / kernels.lanes;
  return without_zeros(
      Blocks<int8_t>{packed.weights.data(), int64_t{4} * kernels.lanes, depth, vectors, kernels.u8_vectors}, 1);
}

std::optional<SparseWeights<float>> sparse_blocks(const PackedF32& packed, const Kernels& kernels) {
  const int64_t depth = packed.walk.taps * packed.walk.run, vectors = packed.bias.size() / kernels.lanes;
  return without_zeros(Blocks<float>{packed.weights.data(), kernels.lanes, depth, vectors, kernels.f32_vectors},
                       std::max<int64_t>(1, kFloatChannels / kernels.lanes));
}

}  // namespace quench::runtime::native
