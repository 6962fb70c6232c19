#include "core/processors.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>

namespace quench {
namespace {

/// Processors in the affinity mask; 0 where the system does not say.
int allowed_processors() {
  for (int most = 1024; most <= 1 << 20; most *= 4) {  // a mask that is smaller than the system's is refused
    const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(CPU_ALLOC(most),
                                                               [](cpu_set_t* mask) { CPU_FREE(mask); });
    const size_t bytes = CPU_ALLOC_SIZE(most);
    if (set && ::sched_getaffinity(0, bytes, set.get()) == 0) return CPU_COUNT_S(bytes, set.get());
  }
  return 0;
}

/// The first number of OMP_NUM_THREADS ("4" or "4,2"); 0 where there is none.
int openmp_threads() {
  const char* text = std::getenv("OMP_NUM_THREADS");
  int threads = 0;
  if (text) std::from_chars(text, text + std::strlen(text), threads);
  return threads;
}

}  // namespace

int usable_processors() {
  int processors = allowed_processors();
  if (processors < 1) processors = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  const int asked = openmp_threads();
  return asked > 0 ? std::min(asked, processors) : processors;
}

}  // namespace quench
