#pragma once

#include <span>
#include <vector>

namespace quench::stats {

/// Holm's (1979) adjusted p values, in the order given: rejecting those at or below 5 % makes any false rejection among
/// them at most 5 % likely, whatever depends on what. NaN stays NaN and does not count.
std::vector<double> holm(std::span<const double> p);

}  // namespace quench::stats
