#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/shards.h"

namespace quench {

/// Several processes acted by threads of this one. One of them runs at a time, as far as its next exchange: LibTorch's
/// number of threads is the process's.
class ActedShards {
 public:
  explicit ActedShards(int count) : given_(static_cast<size_t>(count)), here_(static_cast<size_t>(count)) {}

  /// What work() gives in each of them, by rank. Where it throws in any, throws that of the lowest rank, once all have
  /// ended: an exchange that others wait in fails then, as where a process is gone.
  template <typename T>
  std::vector<T> run(const std::function<T(const Shards&)>& work) {
    std::vector<T> out(given_.size());
    std::vector<std::exception_ptr> failures(given_.size());
    {
      std::vector<std::jthread> threads;
      for (size_t rank = 0; rank < given_.size(); ++rank) {
        threads.emplace_back([&, rank] {
          std::unique_lock turn(mutex_);
          try {
            One one(*this, static_cast<int>(rank), turn);
            out[rank] = work(one);
          } catch (...) {
            failures[rank] = std::current_exception();
          }
          ++ended_;
          changed_.notify_all();
        });
      }
    }
    for (const std::exception_ptr& failure : failures) {
      if (failure) std::rethrow_exception(failure);
    }
    return out;
  }

 private:
  class One : public Shards {
   public:
    One(ActedShards& all, int rank, std::unique_lock<std::mutex>& turn) : all_(all), rank_(rank), turn_(turn) {}
    int rank() const override { return rank_; }
    int count() const override { return static_cast<int>(all_.given_.size()); }
    std::vector<std::string> exchange(std::string mine) const override {
      return all_.exchange(static_cast<size_t>(rank_), std::move(mine), turn_);
    }

   private:
    ActedShards& all_;
    int rank_;
    std::unique_lock<std::mutex>& turn_;
  };

  std::vector<std::string> exchange(size_t rank, std::string mine, std::unique_lock<std::mutex>& turn) {
    given_[rank] = std::move(mine);
    const int round = round_;
    if (++waiting_ == given_.size()) {
      here_ = given_;
      waiting_ = 0;
      ++round_;
      changed_.notify_all();
    } else {
      changed_.wait(turn, [&] { return round_ != round || ended_ > 0; });
      if (round_ == round) fail(ErrorKind::io, "another process has ended");
    }
    return here_;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> given_, here_;
  size_t waiting_ = 0, ended_ = 0;
  int round_ = 0;
};

}  // namespace quench
