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
  std::array<float, kLanes> wrong{};  // whole numbers: exact below 2^24
  for (const metrics::CocoOutcome& detection : detections) {
    if ((detection.matched | detection.ignored) != 0) {
      marked_.push_back({&detection, wrong});
      continue;
    }
    const float* const here = times_of(times, detection.image);
    for (int lane = 0; lane < kLanes; ++lane) wrong[lane] += here[lane];
  }
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

void LanesAp::find_needed(const Lanes& truths) {
  for (int lane = 0; lane < kLanes; ++lane) {
    if (truths[lane] == 0) {
      needed_[lane].fill(std::numeric_limits<float>::infinity());
      continue;
    }
    for (int r = 0; r < metrics::kCocoRecalls; ++r) {
      const double recall = metrics::kCocoRecall[r];
      double n = std::max(1.0, std::floor(recall * truths[lane]));  // the point of recall 0 is the first that is right
      while (n > 1 && (n - 1) / truths[lane] >= recall) --n;
      while (n / truths[lane] < recall) ++n;
      needed_[lane][r] = static_cast<float>(n);
    }
  }
}

Lanes LanesAp::average_points() const {
  Lanes average{};
  for (int lane = 0; lane < kLanes; ++lane) {
    size_t point = 0;
    double sum = 0;
    for (int r = 0; r < metrics::kCocoRecalls; ++r) {
      while (point < right_.size() && right_[point][lane] < needed_[lane][r]) ++point;
      if (point == right_.size()) break;
      sum += precision_[point][lane];
    }
    average[lane] = sum / metrics::kCocoRecalls;
  }
  return average;
}

void LanesAp::find(const metrics::CocoClassOutcomes& outcomes, std::span<const float> times, Lanes& truths,
                   std::array<Lanes, metrics::kCocoThresholds>& average) {
  truths.fill(0);
  for (const metrics::CocoTruthCount& truth : outcomes.truths) {
    const float* const here = times_of(times, truth.image);
    for (int lane = 0; lane < kLanes; ++lane) truths[lane] += static_cast<double>(truth.count) * here[lane];
  }
  mark(outcomes.detections, times);
  find_needed(truths);
  for (int t = 0; t < metrics::kCocoThresholds; ++t) {
    find_points(times, t);
    average[t] = average_points();
  }
}

}  // namespace quench::stats
