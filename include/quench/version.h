#pragma once

#include <string>

#include "quench/export.h"

/// The version of these headers.
#define QUENCH_VERSION_MAJOR 0
#define QUENCH_VERSION_MINOR 1
#define QUENCH_VERSION_PATCH 0

namespace quench {
inline namespace v0 {

/// The version of the library that runs: "0.1.0", and what it was built from where that is known ("0.1.0+1a2b3c4").
QUENCH_API std::string version();

}  // namespace v0
}  // namespace quench
