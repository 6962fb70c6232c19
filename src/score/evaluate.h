#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "core/cancel.h"
#include "core/labelled_images.h"
#include "core/log.h"
#include "score/scorer.h"

namespace quench::score {

/// Where images come from, in order: the next ones; nothing at the end.
using ImageSource = std::function<std::optional<LabelledImages>()>;
/// A model: from images as the source makes them to raw outputs, float32, [N,...] each.
using RunImages = std::function<std::vector<Tensor>(const Tensor& images)>;

/// Who looks on while images are evaluated.
struct Watch {
  int64_t total = 0;                    ///< images of the source, for progress
  const LogSink* log = nullptr;         ///< progress
  const CancelToken* cancel = nullptr;  ///< looked at before each run
  /// Each answer before it is added, with the raw outputs that it was read from.
  std::function<void(const Answer&, std::span<const Tensor> outputs, int64_t in_batch)> heard = {};
  std::function<void()> after_run = {};
};

/// The one loop of evaluation, whatever runs the model and wherever the images come from: runs every image and adds
/// what it gives to `scorer`. Throws Error{cancelled}, Error{data} for outputs that
/// are not finite, and what `next` and `run` throw.
void evaluate(Scorer& scorer, const ImageSource& next, const RunImages& run, const Watch& watch);

}  // namespace quench::score
