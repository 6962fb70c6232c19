#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace quench::runtime {

/// Follows a warm-up by the medians of windows (at least 10 runs and 50 ms each): stable where the medians of the last
/// two differ by 2 % at most.
class WarmUp {
 public:
  void add(int64_t latency_ns);
  int64_t runs() const { return runs_; }
  bool stable() const { return stable_; }

 private:
  std::vector<int64_t> window_;
  int64_t window_ns_ = 0;
  std::optional<int64_t> previous_;
  int64_t runs_ = 0;
  bool stable_ = false;
};

}  // namespace quench::runtime
