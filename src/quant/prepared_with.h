#pragma once

#include "quant/quantize.h"

namespace quench::quant {

/// As prepare(), with parameters of the placement's groups that were found before (Calibration::params), on so many images:
/// none is looked at. Not for `weight_scales=output_mse`, which needs them.
Prepared prepared_with(const graph::Graph& float_graph, const std::vector<graph::QuantParams>& params,
                       const Json& config, int64_t images, const std::string& calibration_sha256);

}  // namespace quench::quant
