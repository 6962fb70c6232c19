#pragma once

#include "data/sets/dataset.h"
#include "graph/graph.h"
#include "steps/step.h"

namespace quench::steps {

/// Distilled pictures are no more than this, however many images are asked for: each batch takes its time.
inline constexpr int64_t kMostDistilled = 64;

/// What a step calibrates on, as a training split: the data's, or pictures that its setting `pictures` has made, as
/// many as calibration_images asks for (0: `most`), by calibration_seed. float_model: whose batch norms pictures are
/// distilled from. Throws Error{config} for a model without batch norms, Error{cancelled}.
data::Splits calibration_pictures(const StepInput& input, const graph::Graph& float_model, int64_t most);

}  // namespace quench::steps
