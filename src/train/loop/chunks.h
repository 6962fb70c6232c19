#pragma once

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace quench::train {

/// Up to kChunkSize elements of K float tensors of one memory layout.
template <size_t K>
struct Chunk {
  std::array<float*, K> data{};
  int64_t size = 0;
  int64_t tensor = 0;  ///< caller's index of the tensor
};

inline constexpr int64_t kChunkSize = 16384;

/// Whether two tensors lie alike in memory. Strides of dimensions of size 1 do not count.
inline bool same_layout(const torch::Tensor& a, const torch::Tensor& b) {
  if (a.sizes() != b.sizes()) return false;
  for (int64_t d = 0; d < a.dim(); ++d) {
    if (a.size(d) > 1 && a.stride(d) != b.stride(d)) return false;
  }
  return true;
}

/// Whether tensors of one shape are float32 on the CPU, dense, and of one memory layout, so that element i of their
/// memory is the same element in all.
template <size_t K>
bool side_by_side(const std::array<torch::Tensor, K>& tensors) {
  for (const torch::Tensor& t : tensors) {
    if (!t.is_cpu() || t.scalar_type() != at::kFloat || !t.is_non_overlapping_and_dense()) return false;
    if (!same_layout(t, tensors[0])) return false;
  }
  return true;
}

/// Cuts K tensors into chunks. False, and nothing added, where they are not side by side: the caller then goes the
/// general way.
template <size_t K>
bool add_chunks(std::vector<Chunk<K>>& chunks, const std::array<torch::Tensor, K>& tensors, int64_t tensor = 0) {
  if (!side_by_side(tensors)) return false;
  const int64_t total = tensors[0].numel();
  std::array<float*, K> data;
  for (size_t k = 0; k < K; ++k) data[k] = tensors[k].template data_ptr<float>();
  for (int64_t begin = 0; begin < total; begin += kChunkSize) {
    Chunk<K> chunk;
    for (size_t k = 0; k < K; ++k) chunk.data[k] = data[k] + begin;
    chunk.size = std::min(kChunkSize, total - begin);
    chunk.tensor = tensor;
    chunks.push_back(chunk);
  }
  return true;
}

/// Runs run(chunk, index) over all chunks on the intra-op threads, neighbouring chunks together. What a chunk computes
/// must not depend on other chunks, so the result does not depend on the number of threads.
template <size_t K, typename Run>
void for_each_chunk(const std::vector<Chunk<K>>& chunks, const Run& run) {
  at::parallel_for(0, static_cast<int64_t>(chunks.size()), 4, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) run(chunks[static_cast<size_t>(i)], i);
  });
}

}  // namespace quench::train
