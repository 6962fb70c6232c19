#include "stats/lanes_ap.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace quench::stats {
namespace {

const float* times_of(std::span<const float> times, uint32_t image) {
  return times.data() + static_cast<size_t>(image) * kLanes;
}

}  // namespace

void LanesAp::mark(std::span<const metrics::CocoOutcome> detections, std::span<const float> times) {
  marked_.clear();
  std::array<float, kLanes> wrong{}, marked{};  // whole numbers: exact below 2^24
  for (const metrics::CocoOutcome& detection : detections) {
    const float* const here = times_of(times, detection.image);
    if ((detection.matched | detection.ignored) != 0) {
      marked_.push_back({&detection, wrong});
      for (int lane = 0; lane < kLanes; ++lane) marked[lane] += here[lane];
      continue;
    }
    for (int lane = 0; lane < kLanes; ++lane) wrong[lane] += here[lane];
  }
  most_right_ = static_cast<size_t>(*std::ranges::max_element(marked));
}

void LanesAp::find_points(std::span<const float> times, int threshold) {
  constexpr double kSpacing = std::numeric_limits<double>::epsilon();  // as CocoEvaluation guards 0 / 0
  right_.clear();
  precision_.clear();
  std::array<float, kLanes> right{}, counted{};
  for (const Marked& marked : marked_) {
    if (marked.detection->ignored >> threshold & 1u) continue;
    const float* const here = times_of(times, marked.detection->image);
    for (int lane = 0; lane < kLanes; ++lane) counted[lane] += here[lane];
    if (!(marked.detection->matched >> threshold & 1u)) continue;
    for (int lane = 0; lane < kLanes; ++lane) right[lane] += here[lane];
    right_.push_back(right);
    Lanes& precision = precision_.emplace_back();
    for (int lane = 0; lane < kLanes; ++lane) {
      precision[lane] = static_cast<double>(right[lane]) /
                        (static_cast<double>(counted[lane] + marked.wrong_before[lane]) + kSpacing);
    }
  }
  for (size_t i = precision_.size(); i-- > 1;) {
    for (int lane = 0; lane < kLanes; ++lane) {
      precision_[i - 1][lane] = std::max(precision_[i - 1][lane], precision_[i][lane]);
    }
  }
}

void LanesAp::count_recalls(const Lanes& truths) {
  recalls_.assign(most_right_ + 1, {});
  for (size_t lane = 0; lane < kLanes; ++lane) {
    if (truths[lane] == 0) continue;
    for (int r = 0; r < metrics::kCocoRecalls; ++r) {
      const double recall = metrics::kCocoRecall[r];
      double n = std::max(1.0, std::floor(recall * truths[lane]));
      while (n > 1 && (n - 1) / truths[lane] >= recall) --n;
      while (n / truths[lane] < recall) ++n;
      if (n > static_cast<double>(most_right_)) break;  // never reached, as those behind it
      ++recalls_[static_cast<size_t>(n)][lane];
    }
  }
  for (size_t n = 1; n <= most_right_; ++n) {
    for (size_t lane = 0; lane < kLanes; ++lane) recalls_[n][lane] += recalls_[n - 1][lane];
  }
}

/// Each point has its precision at the recalls that it is the first to reach.
Lanes LanesAp::average_points() const {
  Lanes sum{};
  std::array<float, kLanes> before{};
  for (size_t point = 0; point < right_.size(); ++point) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const float reached = recalls_[static_cast<size_t>(right_[point][lane])][lane];
      sum[lane] += precision_[point][lane] * static_cast<double>(reached - before[lane]);
      before[lane] = reached;
    }
  }
  for (double& of_lane : sum) of_lane /= metrics::kCocoRecalls;
  return sum;
}

void LanesAp::find(const metrics::CocoClassOutcomes& outcomes, std::span<const float> times, Lanes& truths,
                   std::array<Lanes, metrics::kCocoThresholds>& average) {
  truths.fill(0);
  for (const metrics::CocoTruthCount& truth : outcomes.truths) {
    const float* const here = times_of(times, truth.image);
    for (int lane = 0; lane < kLanes; ++lane) truths[lane] += static_cast<double>(truth.count) * here[lane];
  }
  mark(outcomes.detections, times);
  count_recalls(truths);
  for (int t = 0; t < metrics::kCocoThresholds; ++t) {
    find_points(times, t);
    average[t] = average_points();
  }
}

}  // namespace quench::stats
