#pragma once

#include <string>
#include <vector>

#include "program/command.h"

namespace quench::cli {

/// All commands of `quench`, in the order of --help.
const std::vector<program::Command>& commands();

/// The table entry of a name. Throws Error{internal} for an unknown one.
const program::Command& command(const std::string& name);

}  // namespace quench::cli
