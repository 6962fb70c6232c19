#include "quant/range_search.h"

#include <algorithm>
#include <cmath>

namespace quench::quant {
namespace {

constexpr int kCoarse = 32;
constexpr int kFine = 8;  // steps to each side of the best
constexpr int kRounds = 2;

struct Best {
  BinRange range;
  double cost;
};

void try_range(BinRange candidate, const std::function<double(BinRange)>& cost, Best& best) {
  const double found = cost(candidate);
  if (found < best.cost) best = {candidate, found};
}

/// Where the parabola through (-1, before), (0, at), (1, after) is least, at most half a step away.
double vertex(double before, double at, double after) {
  const double curvature = before - 2 * at + after;
  if (!std::isfinite(curvature) || curvature <= 0) return 0;
  return std::clamp(0.5 * (before - after) / curvature, -0.5, 0.5);
}

}  // namespace

RealRange refine_range(BinRange best, BinRange whole, const std::function<double(BinRange)>& cost) {
  RealRange refined{static_cast<double>(best.low), static_cast<double>(best.high)};
  const double at = cost(best);
  if (best.low > whole.low && best.low < 0) {
    refined.low += vertex(cost({best.low - 1, best.high}), at, cost({best.low + 1, best.high}));
  }
  if (best.high < whole.high && best.high > 0) {
    refined.high += vertex(cost({best.low, best.high - 1}), at, cost({best.low, best.high + 1}));
  }
  return refined;
}

RealRange search_range(BinRange whole, const std::function<double(BinRange)>& cost) {
  Best best{whole, cost(whole)};
  const auto end = [](int64_t extent, int part) {
    return static_cast<int64_t>(std::llround(static_cast<double>(extent) * part / kCoarse));
  };
  const int low_steps = whole.low == 0 ? 1 : kCoarse;
  const int high_steps = whole.high == 0 ? 1 : kCoarse;
  for (int i = 0; i < low_steps; ++i) {
    for (int j = 0; j < high_steps; ++j) {
      try_range({end(whole.low, kCoarse - i), end(whole.high, kCoarse - j)}, cost, best);
    }
  }
  double low_step = static_cast<double>(-whole.low) / kCoarse / kFine;
  double high_step = static_cast<double>(whole.high) / kCoarse / kFine;
  for (int round = 0; round < kRounds; ++round, low_step /= kFine, high_step /= kFine) {
    const BinRange centre = best.range;
    const int low_reach = low_step * kFine < 1 ? 0 : kFine;
    const int high_reach = high_step * kFine < 1 ? 0 : kFine;
    for (int i = -low_reach; i <= low_reach; ++i) {
      for (int j = -high_reach; j <= high_reach; ++j) {
        const BinRange candidate{
            std::clamp(centre.low + static_cast<int64_t>(std::llround(i * low_step)), whole.low, int64_t{0}),
            std::clamp(centre.high + static_cast<int64_t>(std::llround(j * high_step)), int64_t{0}, whole.high)};
        if (candidate.low < candidate.high) try_range(candidate, cost, best);
      }
    }
  }
  return refine_range(best.range, whole, cost);
}

}  // namespace quench::quant
