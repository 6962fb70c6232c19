#pragma once

#include <string>

#include "program/command.h"
#include "study/run.h"

namespace quench::cli {

/// How `study run` has its jobs done: its settings `executor`, `jobs` and `retry` (docs/cluster.md). submitted: set
/// where the jobs go on without this process. All must outlive what is returned. Throws Error{config} for an executor
/// that the study file does not have what it needs for.
study::RunOptions run_options(const Json& options, const std::string& file, const study::StudyFile& study,
                              const study::RunContext& context, const program::Environment& environment,
                              bool& submitted);

}  // namespace quench::cli
