#pragma once

#include <string>
#include <vector>

#include "calibration/pictures.h"
#include "core/json.h"
#include "quant/placement.h"

namespace quench::calibration {

/// Parameters of each group of a placement, in order.
using Ranges = std::vector<graph::QuantParams>;

/// What quant::calibrate finds with each observer on these pictures (positions in `pictures`), from their histograms.
/// settings: values of config::quantize_options(), of which `percentile` and the placement's count.
std::vector<Ranges> ranges_of(const quant::Placement& placement, const std::vector<Picture>& pictures,
                              const std::vector<size_t>& chosen, const std::vector<std::string>& observers,
                              const Json& settings);

/// Groups of which both have the same parameters, to the bit.
int64_t equal_groups(const Ranges& a, const Ranges& b);

}  // namespace quench::calibration
