#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "metrics/outcomes.h"
#include "record/record.h"

namespace quench::report {

/// What each image adds to a record's accuracy; nothing where nobody kept it. Not called for records without
/// `outcomes`.
using OutcomesOf = std::function<std::optional<metrics::Outcomes>(const record::Record&)>;

/// Medians of the rounds that a record was timed in, in ns (record/rounds.h); nothing where nobody kept them. Not
/// called for records without `timing_id`.
using RoundsOf = std::function<std::optional<std::vector<int64_t>>(const record::Record&)>;

/// What lies beside the records. Without it there are no intervals of differences.
struct Kept {
  OutcomesOf outcomes = {};
  RoundsOf rounds = {};
};

}  // namespace quench::report
