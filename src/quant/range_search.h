#pragma once

#include <cstdint>
#include <functional>

namespace quench::quant {

/// Bounds of a range in bins of a histogram: [low, high), low <= 0 <= high.
struct BinRange {
  int64_t low = 0;
  int64_t high = 0;
};

/// Least cost over both ends: a grid of 32 x 32 pairs from the whole range inwards, then twice a grid of 17 x 17 around
/// the best, each 1/8 as wide as the one before (so ends are found to about 1/2000 of the range). cost may return
/// infinity for a pair that is not allowed; the whole range must be. Equal costs: the wider range wins, so the result
/// is deterministic.
BinRange search_range(BinRange whole, const std::function<double(BinRange)>& cost);

}  // namespace quench::quant
