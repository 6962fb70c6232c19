#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace quench::metrics {

/// Counts top-1 and top-5 hits over batches. Ties count for the lower class index; a row with NaN is a miss and
/// is counted in `invalid`.
class TopK {
 public:
  /// What the scores of one image say of its label.
  struct Verdict {
    int32_t prediction = -1;  ///< class of the highest score; -1: a score is NaN
    int32_t ahead = -1;       ///< classes that stand before the label; -1: a score is NaN
    bool operator==(const Verdict&) const = default;
  };
  /// label: in [0, scores.size()), else Error{internal}.
  static Verdict judge(std::span<const float> scores, int32_t label);

  /// scores: [n, classes] row-major; labels: n.
  void add(std::span<const float> scores, int64_t classes, std::span<const int32_t> labels);
  void add(const Verdict& verdict);
  int64_t count() const { return count_; }
  int64_t invalid() const { return invalid_; }
  double top1() const;  ///< fraction in [0,1]; 0 for no samples
  double top5() const;
  /// Arg-max of each row so far, in order added; -1 for a NaN row.
  const std::vector<int32_t>& predictions() const { return predictions_; }

 private:
  int64_t count_ = 0, hits1_ = 0, hits5_ = 0, invalid_ = 0;
  std::vector<int32_t> predictions_;
};

/// Wilson score interval (Wilson 1927) of a fraction, 95 %.
struct Interval {
  double low, high;
};
Interval wilson(double fraction, int64_t count);

/// Fraction of equal entries. Throws Error{internal} where lengths differ.
double agreement(std::span<const int32_t> a, std::span<const int32_t> b);

}  // namespace quench::metrics
