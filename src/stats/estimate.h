#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "stats/replicates.h"

namespace quench::stats {

/// A figure, or a difference of two, with what is known of its error.
struct Estimate {
  double value = 0;
  double low = 0, high = 0;         ///< 95 % interval
  double p = 1;                     ///< two-sided, of the hypothesis that the value is 0
  int64_t seeds = 1;                ///< that it is the mean of
  std::optional<double> deviation;  ///< standard deviation over seeds; empty for one seed
};

/// The mean of a method's seeds.
///
/// One seed: the interval is that of the percentiles 2.5 and 97.5 of the replicates (Efron 1979): it holds the chance
/// of which images are in the test set, and nothing of what another training would give. p is twice the smaller share
/// of replicates at or beyond 0, (k + 1) / (B + 1) each (Davison & Hinkley 1997, equation 4.11). Where fewer than 3 are
/// there, that only says that p is below some 0.001, which is too coarse once p is adjusted for a hundred comparisons:
/// then p is that of a normal distribution with the replicates' standard deviation, if that is less.
///
/// Several: value +- t s, with s^2 = V_images + V_seeds: V_images the variance of the replicates of the mean, V_seeds
/// the variance of the seeds' values over their number, and t of Student's distribution with Satterthwaite's (1946)
/// degrees of freedom, s^4 / (V_seeds^2 / (seeds - 1)). Resampling seeds as images are resampled would leave the
/// interval of three seeds too short: a third of their variance is lost, and their tails are those of a normal
/// distribution.
Estimate mean_of(std::span<const Replicates> seeds);

/// a - b, on the same images: both have their replicates from the same draws. With `paired` seed i of one and of the
/// other belong together (they began alike), and as many of each are there; else their variances add. With one seed of
/// n images p is at least 2^(1 - n), that of a sign test in which all agree.
Estimate difference(std::span<const Replicates> a, std::span<const Replicates> b, bool paired);

}  // namespace quench::stats
