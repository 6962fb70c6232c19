#pragma once

#include <atomic>

#include "core/error.h"

namespace quench {

/// Set by a signal handler or another thread; long work polls it between steps.
class CancelToken {
 public:
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }
  /// Throws Error{cancelled}.
  void check() const {
    if (cancelled()) fail(ErrorKind::cancelled, "interrupted");
  }

 private:
  std::atomic<bool> cancelled_{false};
};

}  // namespace quench
