#pragma once

#include <cstdint>

namespace quench::runtime::native {

/// Where part i of n equal parts of [0, total) begins; it ends where part i + 1 begins.
inline int64_t part_begin(int64_t total, int64_t n, int64_t i) { return total * i / n; }

}  // namespace quench::runtime::native
