#pragma once

#include "metrics/outcomes.h"

namespace quench::stats {

/// The outcomes of two sets of test images that share none: what is chosen on the one is compared on the other without
/// the luck that made it the choice.
struct Split {
  metrics::Outcomes choosing;   ///< of every fifth image: 0, 5, 10, ...
  metrics::Outcomes comparing;  ///< of all others
};

inline constexpr int kChoosingEvery = 5;

/// Their `truth` tells them from the whole, and from each other.
Split split(const metrics::Outcomes& outcomes);

}  // namespace quench::stats
