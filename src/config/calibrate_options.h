#pragma once

#include "config/option.h"

namespace quench::config {

/// Which calibrations `quench calibrate` compares, on how many pictures, under which quantization.
const OptionSet& calibrate_options();

}  // namespace quench::config
