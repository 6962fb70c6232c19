#pragma once

#include <cstdint>

namespace quench::runtime::native {

/// Largest number of input channels of a layer whose weights are made 16 bits wide (wide_weights.h).
constexpr int64_t kMostWideDepth = 1024;

}  // namespace quench::runtime::native
