#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"
#include "quant/histogram_observer.h"
#include "quant/observer_families.h"

namespace quench::quant {
namespace {

/// The values as one of two densities, by their moments.
struct Density {
  double mean = 0;
  double spread = 0;  ///< Laplace: b, the mean absolute deviation; normal: sigma
  bool laplace = true;

  /// Mean squared error of cutting one side off at a distance from the mean.
  double cut(double distance) const {
    if (laplace) return spread * spread * std::exp(-distance / spread);
    const double z = distance / spread;
    return spread * spread *
           ((1 + z * z) / 2 * std::erfc(z / std::numbers::sqrt2) -
            z * std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi));
  }
};

/// Mean absolute deviation over deviation: sqrt(1/2) of Laplace's density, sqrt(2/pi) of the normal one; between them
/// the nearer is taken.
const double kBetween = (std::sqrt(0.5) + std::sqrt(2 / std::numbers::pi)) / 2;

Density density_of(const Histogram& histogram, bool symmetric) {
  const double width = histogram.width(), total = static_cast<double>(histogram.total());
  const auto centre = [&](size_t i) {
    return (static_cast<double>(histogram.first() + static_cast<int64_t>(i)) + 0.5) * width;
  };
  const std::vector<int64_t>& counts = histogram.counts();
  Density out;
  for (size_t i = 0; i < counts.size() && !symmetric; ++i)
    out.mean += centre(i) * static_cast<double>(counts[i]) / total;
  double absolute = 0, squares = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    const double away = centre(i) - out.mean, share = static_cast<double>(counts[i]) / total;
    absolute += std::abs(away) * share;
    squares += away * away * share;
  }
  const double deviation = std::sqrt(squares);
  out.laplace = absolute < kBetween * deviation;
  out.spread = out.laplace ? absolute : deviation;
  return out;
}

class Aciq final : public HistogramObserver {
 public:
  Range range(int bits, bool symmetric) const override {
    if (histogram_.total() == 0)
      fail(ErrorKind::data, "[quant.observer] aciq: expected values before a range, got none");
    const Range all = histogram_.extent();
    const Density density = density_of(histogram_, symmetric);
    if (!(density.spread > 0)) return all;
    const auto range_at = [&](double alpha) {
      return Range{static_cast<float>(std::max<double>(density.mean - alpha, all.low)),
                   static_cast<float>(std::min<double>(density.mean + alpha, all.high))};
    };
    const double steps = std::ldexp(1.0, bits);
    // Convex up to where both ends are the outermost values, and growing behind.
    const auto error = [&](double alpha) {
      const Range range = range_at(alpha);
      const double low = std::min(range.low, 0.0F), high = std::max(range.high, 0.0F);
      const double span = symmetric ? 2 * std::max(-low, high) : high - low;
      double sum = span * span / (12 * steps * steps);
      if (density.mean - alpha > all.low) sum += density.cut(alpha);
      if (density.mean + alpha < all.high) sum += density.cut(alpha);
      return sum;
    };
    const double furthest = std::max(all.high - density.mean, density.mean - all.low);
    double best = furthest, least = error(furthest);
    constexpr int kTries = 4096;
    for (int i = 1; i < kTries; ++i) {
      const double alpha = furthest * i / kTries;
      if (const double here = error(alpha); here < least) {
        least = here;
        best = alpha;
      }
    }
    return range_at(best);
  }
};

}  // namespace

std::unique_ptr<Observer> aciq_observer() { return std::make_unique<Aciq>(); }

}  // namespace quench::quant
