#pragma once

#include <string>

#include "config/option.h"

namespace quench::config {

/// Settings as flags of the command line, for a shell: " --bits-w 4 --no-flip"; those at their defaults stay out, as do
/// those that the table does not know.
std::string flags(const OptionSet& options, const Json& settings);

}  // namespace quench::config
