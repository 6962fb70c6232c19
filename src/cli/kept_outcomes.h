#pragma once

#include <filesystem>

#include "core/log.h"
#include "report/differences.h"

namespace quench::cli {

/// Outcomes of records whose study's results lie in `folder`. Of a file that is missing or damaged, or whose path
/// leaves the folder, a warning is told, and there are none.
report::OutcomesOf kept_outcomes(const std::filesystem::path& folder, const LogSink& log);

}  // namespace quench::cli
