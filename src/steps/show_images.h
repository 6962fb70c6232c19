#pragma once

#include "core/cancel.h"
#include "core/json.h"
#include "core/log.h"
#include "data/sets/dataset.h"
#include "graph/graph.h"
#include "prune/image_criterion.h"
#include "steps/step.h"

namespace quench::steps {

/// Runs a float model over training images, not augmented, in order of their index and in evaluation mode (running
/// statistics: the function that the file has), and shows a criterion what it asks for. The loss is that of a training
/// with its default settings. settings: calibration_images and calibration_seed (data::calibration_subset),
/// calibration_batch. Returns what tells these images again: images, calibration_seed, calibration_sha256 and, for
/// gradients, the batch. Throws Error{data} for data of another task or other classes, and where a loss, gradient or
/// value is not finite; Error{unsupported} for an input that is not square; Error{cancelled}.
Json show_images(prune::ImageCriterion& criterion, const graph::Graph& graph, const data::Splits& data,
                 const Json& settings, const LogSink& log, const CancelToken& cancel);

/// What shows a step's data, under its settings, to a criterion; empty where it has none. The input must outlive it.
prune::ShowImages shows_data_of(const StepInput& input);

}  // namespace quench::steps
