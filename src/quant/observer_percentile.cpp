#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "quant/histogram_observer.h"
#include "quant/observer_families.h"

namespace quench::quant {
namespace {

// Value below which `wanted` of the counts lie; bins from `first`, linear within a bin.
double quantile(std::span<const int64_t> counts, int64_t first, double width, double wanted) {
  double below = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    const double count = static_cast<double>(counts[i]);
    if (count > 0 && below + count >= wanted) {
      return width * (static_cast<double>(first) + static_cast<double>(i) + (wanted - below) / count);
    }
    below += count;
  }
  return width * static_cast<double>(first + static_cast<int64_t>(counts.size()));
}

class Percentile final : public HistogramObserver {
 public:
  explicit Percentile(double percentile) : kept_(percentile / 100) {
    if (!(percentile >= 50 && percentile <= 100)) {
      fail(ErrorKind::config, "[quant.observer] expected percentile in [50, 100], got {}", percentile);
    }
  }

  Range range(int, bool symmetric) const override {
    if (histogram_.total() == 0) {
      fail(ErrorKind::data, "[quant.observer] percentile: expected values before a range, got none");
    }
    const Range all = histogram_.extent();
    if (kept_ == 1) return all;
    const double total = static_cast<double>(histogram_.total());
    const double width = histogram_.width();
    const std::vector<int64_t>& counts = histogram_.counts();
    if (symmetric) {
      const std::vector<int64_t> magnitudes = histogram_.folded();
      const float bound = static_cast<float>(quantile(magnitudes, 0, width, kept_ * total));
      return {std::clamp(-bound, all.low, all.high), std::clamp(bound, all.low, all.high)};
    }
    const double tail = (1 - kept_) / 2 * total;
    const double low = quantile(counts, histogram_.first(), width, tail);
    const double high = quantile(counts, histogram_.first(), width, total - tail);
    return {std::clamp(static_cast<float>(low), all.low, all.high),
            std::clamp(static_cast<float>(high), all.low, all.high)};
  }

 private:
  double kept_;
};

}  // namespace

std::unique_ptr<Observer> percentile_observer(double percentile) { return std::make_unique<Percentile>(percentile); }

}  // namespace quench::quant
