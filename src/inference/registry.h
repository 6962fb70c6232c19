#pragma once

#include "runtime/registry.h"

namespace quench::inference {

/// All runtimes of the full program: those of quench_base, and torch.
runtime::Registry full_registry(const Places& places = {});

}  // namespace quench::inference
