#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "quant/histogram_observer.h"
#include "quant/observer_families.h"
#include "quant/power_of_two.h"
#include "quant/range_search.h"

namespace quench::quant {
namespace {

float silu(float x) { return x / (1 + std::exp(-x)); }

// Bins that hold something: centre and count. Bin [i, i + 1) at centre i + 1/2; its inner spread (width^2 / 12) is the
// same for all ranges and left out.
struct Points {
  std::vector<float> centre;
  std::vector<float> count;
  std::vector<float> after;  ///< silu(centre)
};

Points points_of(const Histogram& histogram) {
  Points out;
  const float width = histogram.width();
  for (size_t i = 0; i < histogram.counts().size(); ++i) {
    const int64_t count = histogram.counts()[i];
    if (count == 0) continue;
    out.centre.push_back((static_cast<float>(histogram.first() + static_cast<int64_t>(i)) + 0.5f) * width);
    out.count.push_back(static_cast<float>(count));
    out.after.push_back(silu(out.centre.back()));
  }
  return out;
}

// Sum of squared errors of the points on that grid.
double squared_error(const Points& points, const graph::QuantParams& params) {
  const float scale = params.scale[0];
  const float inverse = 1 / scale;
  const float low = static_cast<float>(params.q_min() - params.zero_point[0]);
  const float high = static_cast<float>(params.q_max() - params.zero_point[0]);
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding and taking it away rounds to an integer, half to even
  constexpr size_t kLanes = 16;
  double sum = 0;
  for (size_t start = 0; start < points.centre.size(); start += 256) {  // blocks: float sums stay short
    const size_t stop = std::min(points.centre.size(), start + 256);
    float lanes[kLanes] = {};
    const auto add = [&](size_t i, size_t lane) {
      const float q = std::min(std::max(points.centre[i] * inverse, low), high);
      const float rounded = (q + kRound) - kRound;
      const float error = points.centre[i] - rounded * scale;
      lanes[lane] += points.count[i] * error * error;
    };
    size_t i = start;
    for (; i + kLanes <= stop; i += kLanes) {
      for (size_t lane = 0; lane < kLanes; ++lane) add(i + lane, lane);
    }
    for (; i < stop; ++i) add(i, 0);
    for (const float lane : lanes) sum += lane;
  }
  return sum;
}

// As squared_error, of what silu makes of the values: a step is an index into silu's table then, and where silu is
// nearly flat an error does not matter.
double squared_error_after_silu(const Points& points, const graph::QuantParams& params) {
  const float scale = params.scale[0], inverse = 1 / scale;
  const auto low = static_cast<int>(params.q_min() - params.zero_point[0]);
  const auto high = static_cast<int>(params.q_max() - params.zero_point[0]);
  std::vector<float> table;
  for (int step = low; step <= high; ++step) table.push_back(silu(static_cast<float>(step) * scale));
  double sum = 0;
  for (size_t i = 0; i < points.centre.size(); ++i) {
    const int step = std::clamp(static_cast<int>(std::lrint(points.centre[i] * inverse)), low, high);
    const float error = points.after[i] - table[static_cast<size_t>(step - low)];
    sum += points.count[i] * error * error;
  }
  return sum;
}

class MeanSquaredError final : public HistogramObserver {
 public:
  explicit MeanSquaredError(bool before_silu) : before_silu_(before_silu) {}

  Range range(int bits, bool symmetric) const override {
    require_values();
    const Range all = histogram_.extent();
    const Points points = points_of(histogram_);
    const double width = histogram_.width();
    const int64_t first = histogram_.first();
    const int64_t end = first + static_cast<int64_t>(histogram_.counts().size());
    const auto real = [&](RealRange bins) {  // an end at the outermost bin is the outermost value itself
      const double low = std::max(bins.low * width, static_cast<double>(std::min(all.low, 0.0f)));
      const double high = std::min(bins.high * width, static_cast<double>(std::max(all.high, 0.0f)));
      return Range{static_cast<float>(low), static_cast<float>(high)};
    };
    const auto error = [&](int64_t low, int64_t high) {
      return error_of(points, params_for(real({static_cast<double>(low), static_cast<double>(high)}), bits, symmetric));
    };
    if (!symmetric) {
      return real(
          search_range({first, std::max<int64_t>(end, 0)}, [&](BinRange bins) { return error(bins.low, bins.high); }));
    }
    // One threshold for |x|.
    const RealRange found =
        search_range({0, std::max(-first, end)}, [&](BinRange bins) { return error(-bins.high, bins.high); });
    return real({-found.high, found.high});
  }

  graph::QuantParams power_of_two(int bits, bool symmetric) const override {
    constexpr int kPowers = 5;  // from the one that covers all values down
    require_values();
    graph::QuantParams params = params_for(histogram_.extent(), bits, symmetric), best;
    const double widest = params.scale[0];
    const Points points = points_of(histogram_);
    double least = std::numeric_limits<double>::infinity();
    for (int power = 0; power < kPowers; ++power) {
      params.scale = {std::ldexp(power_of_two_above(static_cast<float>(widest)), -power)};
      const int64_t last = symmetric ? 0 : params.q_max();
      for (int64_t zero = 0; zero <= last; ++zero) {
        params.zero_point = {static_cast<int32_t>(zero)};
        const double error = error_of(points, params);
        if (!(error < least)) continue;
        least = error;
        best = params;
      }
    }
    return best;
  }

 private:
  void require_values() const {
    if (histogram_.total() == 0)
      fail(ErrorKind::data, "[quant.observer] mse: expected values before a range, got none");
  }
  double error_of(const Points& points, const graph::QuantParams& params) const {
    return before_silu_ ? squared_error_after_silu(points, params) : squared_error(points, params);
  }

  bool before_silu_;
};

}  // namespace

std::unique_ptr<Observer> mse_observer(bool before_silu) { return std::make_unique<MeanSquaredError>(before_silu); }

}  // namespace quench::quant
