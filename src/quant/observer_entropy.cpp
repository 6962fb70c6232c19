#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "quant/histogram_observer.h"
#include "quant/observer_families.h"
#include "quant/range_search.h"

namespace quench::quant {
namespace {

// Prefix sums over bins, so that a candidate's divergence costs one logarithm a level, not one a bin.
class Divergence {
 public:
  // counts: bins first, first + 1, ...
  Divergence(std::span<const int64_t> counts, int64_t first, int levels)
      : counts_(counts), first_(first), levels_(levels), mass_{0}, entropy_{0}, filled_{0} {
    for (const int64_t count : counts) {
      mass_.push_back(mass_.back() + static_cast<double>(count));
      entropy_.push_back(entropy_.back() + x_log_x(static_cast<double>(count)));
      filled_.push_back(filled_.back() + (count > 0));
    }
  }

  // KL(P || Q) of a clipped range. P: the bins inside, what lies outside added to the end bins. Q: the bins inside,
  // without that, in `levels` groups; each group's mass spread evenly over its bins that are not empty. Infinite where
  // P > 0 = Q, or where there are fewer bins than levels (Q would be P).
  double operator()(BinRange range) const {
    const int64_t low = std::max<int64_t>(range.low - first_, 0);
    const int64_t high = std::min<int64_t>(range.high - first_, static_cast<int64_t>(counts_.size()));
    const int64_t bins = high - low;
    if (bins < levels_) return std::numeric_limits<double>::infinity();
    const double inside = mass_[high] - mass_[low];
    const double below = mass_[low];
    const double above = mass_.back() - mass_[high];
    const double first_count = static_cast<double>(counts_[low]);
    const double last_count = static_cast<double>(counts_[high - 1]);
    if (inside == 0 || (below > 0 && first_count == 0) || (above > 0 && last_count == 0)) {
      return std::numeric_limits<double>::infinity();
    }
    const double p_log_p = entropy_[high] - entropy_[low] - x_log_x(first_count) + x_log_x(first_count + below) -
                           x_log_x(last_count) + x_log_x(last_count + above);
    double p_log_q = 0;
    int64_t start = low;
    for (int level = 0; level < levels_; ++level) {
      const int64_t stop = low + bins * (level + 1) / levels_;
      const double q_mass = mass_[stop] - mass_[start];
      if (q_mass > 0) {
        const double p_mass = q_mass + (level == 0 ? below : 0) + (level == levels_ - 1 ? above : 0);
        p_log_q += p_mass * std::log(q_mass / static_cast<double>(filled_[stop] - filled_[start]));
      }
      start = stop;
    }
    const double total = mass_.back();
    return (p_log_p - p_log_q) / total - std::log(total) + std::log(inside);
  }

 private:
  static double x_log_x(double x) { return x > 0 ? x * std::log(x) : 0; }

  std::span<const int64_t> counts_;
  int64_t first_;
  int levels_;
  std::vector<double> mass_, entropy_;
  std::vector<int64_t> filled_;
};

class Entropy final : public HistogramObserver {
 public:
  Range range(int bits, bool symmetric) const override {
    if (histogram_.total() == 0) {
      fail(ErrorKind::data, "[quant.observer] entropy: expected values before a range, got none");
    }
    const Range all = histogram_.extent();
    const double width = histogram_.width();
    const int64_t first = histogram_.first();
    const int64_t end = first + static_cast<int64_t>(histogram_.counts().size());
    const auto clipped = [&](double low, double high) {
      return Range{std::max(static_cast<float>(low * width), std::min(all.low, 0.0f)),
                   std::min(static_cast<float>(high * width), std::max(all.high, 0.0f))};
    };
    if (!symmetric) {
      const Divergence divergence(histogram_.counts(), first, 1 << bits);
      const RealRange found = search_range({first, end}, divergence);
      return clipped(found.low, found.high);
    }
    const std::vector<int64_t> magnitudes = histogram_.folded();
    const Divergence divergence(magnitudes, 0, 1 << (bits - 1));
    const int64_t bins = static_cast<int64_t>(magnitudes.size());
    int64_t best = bins;
    double least = divergence({0, bins});
    for (int64_t threshold = bins - 1; threshold > 0; --threshold) {
      const double cost = divergence({0, threshold});
      if (cost < least) {
        least = cost;
        best = threshold;
      }
    }
    const double refined = refine_range({0, best}, {0, bins}, divergence).high;
    return clipped(-refined, refined);
  }
};

}  // namespace

std::unique_ptr<Observer> entropy_observer() { return std::make_unique<Entropy>(); }

}  // namespace quench::quant
