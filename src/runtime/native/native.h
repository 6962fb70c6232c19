#pragma once

#include <memory>

#include "runtime/runtime.h"

namespace quench::runtime {

/// The project's own engine (docs/runtimes.md): float and integer arithmetic with the same bits on every machine.
/// load() throws Error{config} for an unknown instruction set, Error{unsupported} for one that the processor does not
/// have and for what the engine does not run.
std::unique_ptr<Runtime> native_runtime();

}  // namespace quench::runtime
