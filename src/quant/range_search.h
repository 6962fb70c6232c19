#pragma once

#include <cstdint>
#include <functional>

namespace quench::quant {

/// Bounds of a range in bins of a histogram: [low, high), low <= 0 <= high.
struct BinRange {
  int64_t low = 0;
  int64_t high = 0;
};

/// The same, between bins too.
struct RealRange {
  double low = 0;
  double high = 0;
};

/// Moves each end that lies inside `whole` by up to half a bin, to the vertex of the parabola through its cost and
/// those of its two neighbours. Besides the precision, this keeps scales from being ratios of small integers (bins are
/// powers of two wide): with such scales products often fall right between two integers, where a simulation in floating
/// point and integer arithmetic round apart.
RealRange refine_range(BinRange best, BinRange whole, const std::function<double(BinRange)>& cost);

/// Least cost over both ends: a grid of 32 x 32 pairs from the whole range inwards, then twice a grid of 17 x 17 around
/// the best, each 1/8 as wide as the one before (so ends are found to about 1/2000 of the range). cost may return
/// infinity for a pair that is not allowed; the whole range must be. Equal costs: the wider range wins, so the result
/// is deterministic. Refined as refine_range says.
RealRange search_range(BinRange whole, const std::function<double(BinRange)>& cost);

}  // namespace quench::quant
