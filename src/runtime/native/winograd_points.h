#pragma once

namespace quench::runtime::native {

/// The points 0, p, -p, q, -q and infinity of Winograd's algorithm in floats (winograd_f32.h).
constexpr double kPointP = 5.0 / 7, kPointQ = 3.0 / 2;

}  // namespace quench::runtime::native
