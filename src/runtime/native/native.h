#pragma once

#include <memory>
#include <optional>

#include "runtime/native/isa.h"
#include "runtime/runtime.h"

namespace quench::runtime {

/// The project's own engine (docs/runtimes.md): float and integer arithmetic with the same bits on every machine.
/// isa: instruction set to use, nullopt: the best of this processor. Throws Error{unsupported} at load where the
/// processor does not have it.
std::unique_ptr<Runtime> native_runtime(std::optional<native::Isa> isa = std::nullopt);

}  // namespace quench::runtime
