#pragma once

#include "steps/step.h"

namespace quench::steps {

/// The float model that a quantized one was made of: the file that the setting `reference` names (beside data_root
/// too), else the one that the chain's `quantize` was given. Throws Error{config} where there is neither, and for a
/// file that is not there or no model of ours.
graph::Graph float_reference(const StepInput& input);

/// The step's model with float weights, as steps that change weights take it.
graph::Graph in_floats(const StepInput& input);

}  // namespace quench::steps
