#pragma once

#include <vector>

#include "core/cancel.h"
#include "core/json.h"
#include "core/log.h"
#include "record/record.h"
#include "runtime/runtime.h"

namespace quench::agent {

/// A loaded model and the record that its latency goes into.
struct Timed {
  runtime::Session* session = nullptr;
  Tensor image;  ///< [1,3,H,W] uint8
  record::Record* record = nullptr;
};

/// Latency of all, measured in turn, and what the machine did meanwhile, as the settings `min_samples`, `min_seconds`
/// and `max_warm_up_seconds` say.
void time_all(const std::vector<Timed>& all, const Json& options, const LogSink& log, const CancelToken& cancel);

}  // namespace quench::agent
