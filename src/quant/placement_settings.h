#pragma once

#include "core/json.h"
#include "quant/placement.h"
#include "quant/weight_params.h"

namespace quench::quant {

/// What the settings of `quench quantize` (config::quantize_options) say of the placement. Throws Error{config} for an
/// unknown target.
PlacementOptions placement_options(const Json& settings);

/// What they say of the scales, levels and groups of weights.
WeightRule weight_rule(const Json& settings);

}  // namespace quench::quant
