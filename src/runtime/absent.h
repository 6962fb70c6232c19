#pragma once

#include <memory>
#include <string>

#include "runtime/runtime.h"

namespace quench::runtime {

/// Stands in the registry for a runtime that this build has not: never available, and load() is Error{unsupported};
/// both say `reason` ("built without onnxruntime: see docs/runtimes.md").
std::unique_ptr<Runtime> absent_runtime(std::string name, std::string reason);

}  // namespace quench::runtime
