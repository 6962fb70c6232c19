#pragma once

#include "config/option.h"

namespace quench::cli {

/// What `quench report` takes beside a format and an output.
config::OptionSet report_options();

}  // namespace quench::cli
