#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>

namespace quench::nn::kernels {

/// Calls body(begin, end) on equal, contiguous parts of [0, count), one a thread. Which thread has which part depends
/// on count and threads alone. body must not throw.
template <typename Body>
void for_parts(int64_t count, int threads, const Body& body) {
  const int parts = static_cast<int>(std::min<int64_t>(threads, count));
  if (parts <= 1 || omp_in_parallel()) {
    if (count > 0) body(int64_t{0}, count);
    return;
  }
#pragma omp parallel num_threads(parts)
  {
    const int64_t part = omp_get_thread_num();
    const int64_t team = omp_get_num_threads();
    body(count * part / team, count * (part + 1) / team);
  }
}

}  // namespace quench::nn::kernels
