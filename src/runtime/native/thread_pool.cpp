#include "runtime/native/thread_pool.h"

#include <exception>

#include "core/error.h"

namespace quench::runtime::native {

namespace {

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// One turn of a wait: mostly a pause; the processor is given away now and then, for those that have fewer than
/// threads.
void wait_turn(int& turn) {
  if (++turn % 2048 == 0) {
    std::this_thread::yield();
  } else {
    pause();
  }
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  try {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
  } catch (const std::exception& error) {
    end();
    fail(ErrorKind::io, "[runtime.native] cannot start {} threads: {}", threads, error.what());
  }
}

ThreadPool::~ThreadPool() { end(); }

void ThreadPool::end() {
  ended_ = true;
  active_ = 1;
  active_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::start() {
  if (workers_.empty()) return;
  active_.store(1);
  active_.notify_all();
}

void ThreadPool::finish() { active_.store(0); }

void ThreadPool::work() {
  uint32_t seen = 0;
  while (true) {
    active_.wait(0);
    int turn = 0;
    while (active_.load(std::memory_order_relaxed) != 0) {
      if (ended_) return;
      const uint32_t loop = loop_.load(std::memory_order_acquire);
      if (loop == seen) {
        wait_turn(turn);
        continue;
      }
      seen = loop;
      take();
      busy_.fetch_sub(1, std::memory_order_release);
    }
  }
}

void ThreadPool::take() {
  for (int64_t i = next_.fetch_add(1); i < count_; i = next_.fetch_add(1)) (*body_)(i);
}

void ThreadPool::each(int64_t count, const std::function<void(int64_t)>& body) {
  if (workers_.empty() || count <= 1) {
    for (int64_t i = 0; i < count; ++i) body(i);
    return;
  }
  count_ = count;
  body_ = &body;
  next_.store(0, std::memory_order_relaxed);
  busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
  loop_.fetch_add(1, std::memory_order_release);
  take();
  int turn = 0;
  while (busy_.load(std::memory_order_acquire) != 0) wait_turn(turn);
}

}  // namespace quench::runtime::native
