#include "nn/blas.h"

#include <dlfcn.h>

namespace quench::nn {

bool set_blas_threads(int threads) {
  using SetThreads = void (*)(int);
  const auto set_threads = reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"));
  if (set_threads == nullptr) return false;
  set_threads(threads);
  return true;
}

}  // namespace quench::nn
