#pragma once

#include <filesystem>

#include "core/log.h"
#include "report/kept.h"

namespace quench::cli {

/// Outcomes and rounds of records whose study's results lie in `folder`. Of a file of outcomes that is missing, of a
/// damaged one, or one whose path leaves the folder, a warning is told, and there are none. Earlier versions kept no
/// rounds: none are no reason to warn.
report::Kept kept_beside(const std::filesystem::path& folder, const LogSink& log);

}  // namespace quench::cli
