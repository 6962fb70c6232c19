#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace quench::runtime::native {

/// Threads for many short loops. While active they wait for the next loop in a spin (a wake-up takes longer than a
/// layer), else they sleep.
class ThreadPool {
 public:
  /// threads >= 1, with the caller's. Throws Error{io} where the system does not give so many.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  /// Wakes the threads for loops that follow each other closely, until finish().
  void start();
  void finish();

  /// Calls body(i) once for every i of [0, count), on any thread, and returns when all are done. Between start() and
  /// finish() only; not to be nested; body must not throw.
  void each(int64_t count, const std::function<void(int64_t)>& body);

 private:
  void end();
  void work();
  void take();

  std::vector<std::thread> workers_;
  std::atomic<uint32_t> loop_{0};  ///< number of the latest loop
  std::atomic<int64_t> next_{0};
  std::atomic<int> busy_{0};
  std::atomic<uint32_t> active_{0};
  std::atomic<bool> ended_{false};
  int64_t count_ = 0;
  const std::function<void(int64_t)>* body_ = nullptr;
};

}  // namespace quench::runtime::native
