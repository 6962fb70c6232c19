#include "core/workers.h"

#include <algorithm>
#include <exception>
#include <thread>
#include <vector>

namespace quench {

void run_workers(int workers, const std::function<void(int)>& work) {
  std::vector<std::exception_ptr> failures(static_cast<size_t>(std::max(workers, 1)));
  const auto guarded = [&](int worker) {
    try {
      work(worker);
    } catch (...) {
      failures[static_cast<size_t>(worker)] = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> others;
    for (int worker = 1; worker < workers; ++worker) others.emplace_back(guarded, worker);
    guarded(0);
  }
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

}  // namespace quench
