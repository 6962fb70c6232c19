#pragma once

#include "program/command.h"
#include "runtime/registry.h"

namespace quench::cli {

/// Runs a command that a library serves: opens it beside the program (or in ../lib/quench) and calls it. That is
/// libquench_data.so (OpenCV) for the data commands, libquench_plan.so (OpenCV) for plans, libquench_lab.so (LibTorch
/// too) for the others. `bench` needs it only for torch, `runtimes` only whether it is there: they run in the base
/// where they can. Throws Error{unsupported} where the library was not built or does not load, with the reason.
int run_in_library(const program::Invocation& invocation, const program::Environment& environment);

/// All runtimes; of torch only whether it is there and its version: LibTorch is not loaded for it.
runtime::Registry listed_runtimes(const Places& places);

}  // namespace quench::cli
