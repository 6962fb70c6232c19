#pragma once

#include "config/option.h"

namespace quench::config {

/// What `quench why` looks at, and how long.
const OptionSet& why_options();

}  // namespace quench::config
