#pragma once

#include <memory>
#include <string>

#include "runtime/runtime.h"

namespace quench::runtime {

/// Stands in the registry for a runtime that this build has not: never available, and load() is Error{unsupported};
/// both say `reason` ("built without onnxruntime: see docs/runtimes.md").
std::unique_ptr<Runtime> absent_runtime(std::string name, std::string reason);

/// Stands in a list of runtimes for one that is available in a library not opened: load() is Error{unsupported}.
std::unique_ptr<Runtime> unopened_runtime(std::string name, std::string version);

}  // namespace quench::runtime
