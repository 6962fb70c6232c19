#include "metrics/confidence_curves.h"

#include <algorithm>
#include <functional>
#include <limits>

namespace quench::metrics {
namespace {

std::optional<double> share(int64_t part, int64_t whole) {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

/// Mean of what there is.
class MeanOfSome {
 public:
  void add(const std::optional<double>& value) {
    if (!value) return;
    sum_ += *value;
    ++count_;
  }
  std::optional<double> value() const {
    return count_ == 0 ? std::nullopt : std::optional(sum_ / static_cast<double>(count_));
  }

 private:
  double sum_ = 0;
  int64_t count_ = 0;
};

void count(DetectionCounts& counts, const JudgedDetection& detection) {
  ++(detection.right ? counts.right : counts.wrong);
}

}  // namespace

std::optional<double> DetectionCounts::precision() const { return share(right, right + wrong); }
std::optional<double> DetectionCounts::recall() const { return share(right, truths); }
std::optional<double> DetectionCounts::f1() const {
  if (truths == 0) return std::nullopt;
  return share(2 * right, right + wrong + truths);
}

DetectionCounts counts_at(const ClassMatches& matches, double confidence) {
  DetectionCounts counts{.truths = matches.truths};
  for (const JudgedDetection& detection : matches.found) {
    if (detection.score < confidence) break;
    count(counts, detection);
  }
  return counts;
}

std::vector<DetectionCounts> counts_over_confidence(const ClassMatches& matches) {
  std::vector<DetectionCounts> curve(kConfidences);
  DetectionCounts counts{.truths = matches.truths};
  size_t next = 0;
  for (int i = kConfidences; i-- > 0;) {
    for (; next < matches.found.size() && matches.found[next].score >= confidence_at(i); ++next) {
      count(counts, matches.found[next]);
    }
    curve[static_cast<size_t>(i)] = counts;
  }
  return curve;
}

MeanBalance mean_balance(std::span<const DetectionCounts> classes) {
  MeanOfSome precision, recall, f1;
  for (const DetectionCounts& counts : classes) {
    if (counts.truths == 0) continue;
    precision.add(counts.precision());
    recall.add(counts.recall());
    f1.add(counts.f1());
  }
  return {precision.value(), recall.value(), f1.value()};
}

std::optional<BestConfidence> best_confidence(std::span<const ClassMatches> classes) {
  struct Entry {
    double score;
    size_t of_class;
    bool right;
  };
  std::vector<Entry> entries;
  std::vector<DetectionCounts> counts;
  int64_t with_truths = 0;
  for (const ClassMatches& one : classes) {
    counts.push_back({.truths = one.truths});
    if (one.truths == 0) continue;
    ++with_truths;
    for (const JudgedDetection& d : one.found) entries.push_back({d.score, counts.size() - 1, d.right});
  }
  std::ranges::stable_sort(entries, std::greater{}, &Entry::score);
  std::optional<BestConfidence> best;
  double sum = 0;  // of F1 over the classes
  for (size_t i = 0; i < entries.size(); ++i) {
    DetectionCounts& of_class = counts[entries[i].of_class];
    sum -= of_class.f1().value_or(0);
    count(of_class, {entries[i].score, entries[i].right});
    sum += of_class.f1().value_or(0);
    if (i + 1 < entries.size() && entries[i + 1].score == entries[i].score) continue;
    const double mean = sum / static_cast<double>(with_truths);
    // Sums that differ by rounding alone are equal: the higher confidence stays.
    if (mean > (best ? best->mean_f1 : 0) + 1e-12) best = BestConfidence{entries[i].score, mean};
  }
  return best;
}

std::optional<std::array<double, kCocoRecalls>> precision_over_recall(const ClassMatches& matches) {
  if (matches.truths == 0) return std::nullopt;
  constexpr double kSpacing = std::numeric_limits<double>::epsilon();  // as COCOeval
  std::vector<double> precision;                                       // where the (n+1)-th right detection has come
  int64_t wrong = 0;
  for (const JudgedDetection& detection : matches.found) {
    if (!detection.right) {
      ++wrong;
      continue;
    }
    const auto right = static_cast<double>(precision.size() + 1);
    precision.push_back(right / (static_cast<double>(wrong) + right + kSpacing));
  }
  for (size_t i = precision.size(); i-- > 1;) precision[i - 1] = std::max(precision[i - 1], precision[i]);
  std::array<double, kCocoRecalls> curve{};
  size_t right = 0;
  for (size_t r = 0; r < curve.size(); ++r) {
    while (right < precision.size() &&
           static_cast<double>(right + 1) / static_cast<double>(matches.truths) < kCocoRecall[r]) {
      ++right;
    }
    if (right == precision.size()) break;
    curve[r] = precision[right];
  }
  return curve;
}

}  // namespace quench::metrics
