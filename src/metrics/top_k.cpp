#include "metrics/top_k.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace quench::metrics {
namespace {

constexpr int64_t kTop = 5;
constexpr double kZ95 = 1.959963984540054;  // 97.5 % quantile of the standard normal

}  // namespace

TopK::Verdict TopK::judge(std::span<const float> scores, int32_t label) {
  ensure(label >= 0 && static_cast<size_t>(label) < scores.size(), "[metrics.top_k] expected a label in [0,{}), got {}",
         scores.size(), label);
  if (std::ranges::any_of(scores, [](float x) { return std::isnan(x); })) return {};
  const float score = scores[static_cast<size_t>(label)];
  Verdict verdict{.prediction = static_cast<int32_t>(std::ranges::max_element(scores) - scores.begin()), .ahead = 0};
  for (size_t c = 0; c < scores.size(); ++c) {  // of equal scores, the first stands before
    verdict.ahead += scores[c] > score || (scores[c] == score && c < static_cast<size_t>(label));
  }
  return verdict;
}

void TopK::add(const Verdict& verdict) {
  ++count_;
  invalid_ += verdict.prediction < 0;
  hits1_ += verdict.ahead == 0;
  hits5_ += verdict.ahead >= 0 && verdict.ahead < kTop;
  predictions_.push_back(verdict.prediction);
}

void TopK::add(std::span<const float> scores, int64_t classes, std::span<const int32_t> labels) {
  ensure(classes > 0 && scores.size() == labels.size() * static_cast<size_t>(classes),
         "[metrics.top_k] expected {} x {} scores, got {}", labels.size(), classes, scores.size());
  std::vector<Verdict> verdicts;  // all or nothing
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto row = static_cast<size_t>(classes);
    verdicts.push_back(judge(scores.subspan(i * row, row), labels[i]));
  }
  for (const Verdict& verdict : verdicts) add(verdict);
}

double TopK::top1() const { return count_ == 0 ? 0 : static_cast<double>(hits1_) / static_cast<double>(count_); }
double TopK::top5() const { return count_ == 0 ? 0 : static_cast<double>(hits5_) / static_cast<double>(count_); }

Interval wilson(double fraction, int64_t count) {
  if (count <= 0) return {0, 1};
  const double n = static_cast<double>(count), z2 = kZ95 * kZ95;
  const double center = (fraction + z2 / (2 * n)) / (1 + z2 / n);
  const double half = kZ95 / (1 + z2 / n) * std::sqrt(fraction * (1 - fraction) / n + z2 / (4 * n * n));
  return {std::max(0.0, center - half), std::min(1.0, center + half)};
}

double agreement(std::span<const int32_t> a, std::span<const int32_t> b) {
  ensure(a.size() == b.size(), "[metrics.top_k] expected as many predictions, got {} and {}", a.size(), b.size());
  if (a.empty()) return 1;
  int64_t equal = 0;
  for (size_t i = 0; i < a.size(); ++i) equal += a[i] == b[i];
  return static_cast<double>(equal) / static_cast<double>(a.size());
}

}  // namespace quench::metrics
