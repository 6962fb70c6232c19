#pragma once

#include "platform/bench_set.h"

namespace quench::cli {

/// Before time is spent on it. A session that times itself has no layer times before.
/// Throws Error{config} where the runtime does not time its layers.
void require_layer_times(const platform::BenchEntry& entry);

/// Prints the median time of each layer over some runs, and what share of the processor's peak its products are; means
/// where the session times itself. Below it the same over all convolutions and linear layers.
/// Throws Error{unsupported} where the runtime does not time its layers.
void print_profile(platform::BenchEntry& entry);

}  // namespace quench::cli
