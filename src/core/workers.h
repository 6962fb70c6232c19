#pragma once

#include <functional>

namespace quench {

/// Calls work(0) .. work(workers - 1), each in a thread of its own (work(0) in the caller's), and waits for all of
/// them. Throws what the first of them threw, by number, once all have ended.
void run_workers(int workers, const std::function<void(int)>& work);

}  // namespace quench
