#pragma once

#include <ATen/ATen.h>

#include <barrier>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "nn/whole_batch.h"

namespace quench {

/// Threads that stand for processes which share a batch.
class Sharers {
 public:
  explicit Sharers(int count) : count_(count), all_(count) {}
  /// Runs work(rank, whole) in each. Throws what the first of them threw.
  void run(const std::function<void(int, const nn::WholeBatchPtr&)>& work) {
    const auto whole = std::make_shared<const nn::WholeBatch>(
        nn::WholeBatch{[this](const at::Tensor& values) { sum(values); }, count_, true});
    std::vector<std::exception_ptr> errors(static_cast<size_t>(count_));
    std::vector<std::thread> threads;
    for (int rank = 0; rank < count_; ++rank) {
      threads.emplace_back([&, rank] {
        try {
          work(rank, whole);
        } catch (...) {
          errors[static_cast<size_t>(rank)] = std::current_exception();
          all_.arrive_and_drop();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const std::exception_ptr& error : errors) {
      if (error) std::rethrow_exception(error);
    }
  }

 private:
  void sum(const at::Tensor& values) {
    const at::NoGradGuard no_gradient;
    {
      const std::lock_guard lock(mutex_);
      sum_ = sum_.defined() ? sum_ + values : values.clone();
    }
    all_.arrive_and_wait();
    values.copy_(sum_);
    all_.arrive_and_wait();
    {
      const std::lock_guard lock(mutex_);
      sum_.reset();
    }
    all_.arrive_and_wait();
  }

  int count_;
  std::barrier<> all_;
  std::mutex mutex_;
  at::Tensor sum_;
};

}  // namespace quench
