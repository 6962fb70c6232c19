#pragma once

#include <span>
#include <vector>

#include "stats/estimate.h"

namespace quench::stats {

/// How many times as much one of two things takes, measured in rounds that both took part in. timings: of each timing
/// the ratios of its rounds, all above 0; at least one of each. Estimate::seeds is the number of timings, and p is of
/// the hypothesis that the ratio is 1.
///
/// One timing: the median of the ratios. Its interval are the order statistics k and n + 1 - k of the n ratios, k the
/// highest with 2 P(Binomial(n, 1/2) < k) <= 5 %, whatever their distribution (Thompson 1936); p is that of the sign
/// test, ratios of 1 left out. Fewer than 6 rounds have no such interval: low and high are NaN, p is 1. The interval
/// holds what differs from round to round and nothing of what another timing would give, as where memory lies.
///
/// Several timings: exp of the mean of the logarithms of their medians, which is their geometric mean, with Student's t
/// over the timings (Kalibera & Jones 2013: rounds of a timing are no timings of their own).
Estimate paired_ratio(std::span<const std::vector<double>> timings);

}  // namespace quench::stats
