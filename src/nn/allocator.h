#pragma once

namespace quench::nn {

/// Makes glibc's malloc keep freed blocks instead of returning them to the system: activations of a training step are
/// megabytes each, and mapping and zeroing their pages anew at every step costs time. Process-wide, so a program calls
/// it once at start, never a library. No effect elsewhere than on glibc. Returns whether it took.
bool tune_allocator();

}  // namespace quench::nn
