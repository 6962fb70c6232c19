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

/// What decides beside the epochs how a training is judged.
struct Judged {
  int64_t images = 0;       ///< that the scores stand on; 0: not known, and chance is left out of account
  bool keeps_best = false;  ///< the result is the best epoch, not the last
};

/// By three rules on the epochs of a run, the first that holds:
/// - diverged: the last epoch's loss is 1.5 times the lowest epoch's or more, and at least half of the first epoch's
///   (a loss near 0 may double and means nothing).
/// - rising: of n epochs with scores the last k = max(2, n / 10) have a mean of the first score that is more than half
///   a percentage point above that of the k before them.
/// - falling: their mean is more than a percentage point below that of the best k epochs in a row, and their mean loss
///   is lower than that of those.
/// A rise must be larger than the standard error of a difference of two scores of so many images (as shares: sqrt(2 p
/// (1 - p) / images), p the mean of both), a fall than twice that: of few images nothing is said.
Verdict judge(std::span<const EpochRow> rows, const Judged& judged = {});

/// What to do about a loss that is not finite, at a learning rate.
std::string advice_for_divergence(double lr);

}  // namespace quench::train
