#pragma once

#include <vector>

#include "core/cancel.h"
#include "core/json.h"
#include "core/log.h"
#include "platform/bench_set.h"

namespace quench::agent {

/// Latency of all, measured in turn, and what the machine did meanwhile, into their records, as the settings
/// `min_samples`, `min_seconds` and `max_warm_up_seconds` say. What a runtime refuses is its record's status; throws
/// what else goes wrong.
void time_all(std::vector<platform::BenchEntry>& all, const runtime::Registry& registry, const Json& options,
              const LogSink& log, const CancelToken& cancel);

}  // namespace quench::agent
