#include "nn/allocator.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace quench::nn {

bool tune_allocator() {
#if defined(__GLIBC__)
  const bool mapped = mallopt(M_MMAP_THRESHOLD, 1 << 30) == 1;
  const bool trimmed = mallopt(M_TRIM_THRESHOLD, 2000 << 20) == 1;
  return mapped && trimmed;
#else
  return false;
#endif
}

}  // namespace quench::nn
