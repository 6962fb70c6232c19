#pragma once

#include <map>
#include <optional>
#include <string>

#include "metrics/outcomes.h"
#include "stats/replicates.h"
#include "stats/share_draws.h"

namespace quench::stats {

/// Resampled test sets that intervals are made of; enough that the ends of a 95 % interval are known to some percent of
/// its width (Efron & Tibshirani 1993, section 14.3).
inline constexpr int64_t kReplicates = 2000;
/// One for all, so that all models have the same resampled sets.
inline constexpr uint64_t kDrawsSeed = 0;

/// The figures that outcomes are enough for, by their record fields: top1 and top5, or map_50_95, map_50, map_75 and
/// map_95. None where there are no images.
std::map<std::string, Replicates> figure_replicates(const metrics::Outcomes& outcomes, int threads);

/// One of these figures of one model after the other. draws: of kReplicates and kDrawsSeed. Nothing where the outcomes
/// are not enough for `field`.
std::optional<Replicates> figure_replicates(const metrics::Outcomes& outcomes, const std::string& field,
                                            ShareDraws& draws, int threads);

}  // namespace quench::stats
