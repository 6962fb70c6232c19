#pragma once

#include "core/json.h"
#include "quant/placement.h"

namespace quench::quant {

/// What the settings of `quench quantize` (config::quantize_options) say of the placement. Throws Error{config} for an
/// unknown target.
PlacementOptions placement_options(const Json& settings);

}  // namespace quench::quant
