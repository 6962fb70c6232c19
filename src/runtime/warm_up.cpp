#include "runtime/warm_up.h"

#include <algorithm>
#include <cmath>

namespace quench::runtime {
namespace {

constexpr int64_t kWindowRuns = 10;
constexpr int64_t kWindowNs = 50'000'000;
constexpr double kStable = 0.02;

}  // namespace

void WarmUp::add(int64_t latency_ns) {
  ++runs_;
  window_.push_back(latency_ns);
  window_ns_ += latency_ns;
  if (static_cast<int64_t>(window_.size()) < kWindowRuns || window_ns_ < kWindowNs) return;
  const auto middle = window_.begin() + static_cast<std::ptrdiff_t>(window_.size() / 2);
  std::nth_element(window_.begin(), middle, window_.end());
  const int64_t now = *middle;
  if (previous_) stable_ = std::abs(static_cast<double>(now - *previous_)) <= kStable * static_cast<double>(*previous_);
  previous_ = now;
  window_.clear();
  window_ns_ = 0;
}

}  // namespace quench::runtime
