#pragma once

#include "program/command.h"

namespace quench::cli {

/// Runs a command that quench_lab serves: opens libquench_lab.so beside the program (or in ../lib/quench) and calls it.
/// `bench` and `runtimes` need it only for torch, and run in the base where they can. Throws Error{unsupported} where
/// the library was not built or does not load, with the reason.
int run_in_lab(const program::Invocation& invocation, const program::Environment& environment);

}  // namespace quench::cli
