#pragma once

#include "latency_table/source.h"
#include "program/command.h"

namespace quench::cli {

/// Where latency tables, device files and agents are, as the program's environment says.
latency_table::Surroundings latency_surroundings(const program::Environment& environment);

}  // namespace quench::cli
