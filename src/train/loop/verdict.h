#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "train/loop/results_csv.h"

namespace quench::train {

enum class Course {
  too_short,  ///< fewer than four epochs with scores: nothing can be said
  diverged,   ///< the loss grew
  rising,     ///< the metric still rises: more epochs would do more
  falling,    ///< the metric fell while the loss fell: the model fits the training images too closely
  settled,    ///< none of these
};

/// How a training went, and what to do next.
struct Verdict {
  Course course = Course::too_short;
  std::string text;  ///< one or two sentences; empty where there is nothing to do
};

/// By three rules on the epochs of a run, the first that holds:
/// - diverged: the last epoch's loss is 1.5 times the lowest epoch's or more, and at least half of the first epoch's
///   (a loss near 0 may double and means nothing).
/// - rising: of n epochs with scores the last k = max(2, n / 10) have a mean of the first score that is more than half
///   a percentage point above that of the k before them.
/// - falling: their mean is more than a percentage point below that of the best k epochs in a row, and their mean loss
///   is lower than that of those.
Verdict judge(std::span<const EpochRow> rows);

/// What to do about a loss that is not finite, at a learning rate.
std::string advice_for_divergence(double lr);

}  // namespace quench::train
