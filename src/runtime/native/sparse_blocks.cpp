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

  /// The blocks of one vector: that of step 0, and the values from each to the next.
  struct Column {
    const T* first;
    int64_t stride;
    const T* at(int64_t step) const { return first + step * stride; }
  };
  std::vector<Column> columns() const {
    std::vector<Column> all;
    const int64_t passes = pass_count(vectors, most);
    for (int64_t pass = 0; pass < passes; ++pass) {
      const int64_t begin = pass_begin(vectors, passes, pass), end = pass_begin(vectors, passes, pass + 1);
      for (int64_t v = begin; v < end; ++v) {
        all.push_back({weights + (begin * depth + v - begin) * size, (end - begin) * size});
      }
    }
    return all;
  }
  bool is_zero(const T* block) const {
    return std::all_of(block, block + size, [](T w) { return w == 0; });
  }
};

/// together: vectors that leave out the same steps.
template <typename T>
std::optional<SparseWeights<T>> without_zeros(const Blocks<T>& blocks, int64_t together, double most_share) {
  SparseWeights<T> sparse;
  std::vector<const T*> kept;
  const auto columns = blocks.columns();
  const int64_t all = (blocks.vectors + together - 1) / together * blocks.depth;
  int64_t left = 0;
  for (int64_t vector = 0; vector < blocks.vectors; vector += together) {
    const int64_t end = std::min(vector + together, blocks.vectors);
    std::vector<int64_t> steps;
    for (int64_t step = 0; step < blocks.depth; ++step) {
      bool zero = true;
      for (int64_t v = vector; v < end; ++v) zero = zero && blocks.is_zero(columns[static_cast<size_t>(v)].at(step));
      if (!zero) steps.push_back(step);
    }
    left += static_cast<int64_t>(steps.size());
    sparse.share = static_cast<double>(left) / static_cast<double>(all);
    if (sparse.share > most_share) return std::nullopt;
    for (int64_t v = vector; v < end; ++v) {
      sparse.first.push_back(static_cast<int64_t>(kept.size()));
      for (const int64_t step : steps) kept.push_back(columns[static_cast<size_t>(v)].at(step));
      sparse.step.insert(sparse.step.end(), steps.begin(), steps.end());
    }
  }
  const auto count = static_cast<int64_t>(kept.size());
  sparse.first.push_back(count);
  sparse.weights = Aligned<T>(std::max<int64_t>(count, 1) * blocks.size);
  for (int64_t i = 0; i < count; ++i) {
    std::copy_n(kept[static_cast<size_t>(i)], blocks.size, sparse.weights.data() + i * blocks.size);
  }
  return sparse;
}

}  // namespace

std::optional<SparseWeights<int8_t>> sparse_blocks(const PackedU8& packed, const Kernels& kernels, double most_share) {
  const int64_t depth = packed.walk.taps * packed.walk.run, vectors = packed.bias.size() / kernels.lanes;
  return without_zeros(
      Blocks<int8_t>{packed.weights.data(), int64_t{4} * kernels.lanes, depth, vectors, kernels.u8_vectors}, 1,
      most_share);
}

std::optional<SparseWeights<float>> sparse_blocks(const PackedF32& packed, const Kernels& kernels) {
  const int64_t depth = packed.walk.taps * packed.walk.run, vectors = packed.bias.size() / kernels.lanes;
  return without_zeros(Blocks<float>{packed.weights.data(), kernels.lanes, depth, vectors, kernels.f32_vectors},
                       std::max<int64_t>(1, kFloatChannels / kernels.lanes), kSparseShare);
}

}  // namespace quench::runtime::native
