#pragma once

#include "program/command.h"
#include "study/run.h"

namespace quench::cli {

/// The study file that a command was given.
study::StudyFile read_study_of(const program::Invocation& invocation, const program::Environment& environment,
                               const Json& options);

/// What the commands on studies hand to study/: folders from the settings, what a run can use from the caller. All must
/// outlive it.
study::RunContext study_context(const Json& options, const study::StudyFile& study,
                                const program::Environment& environment, const runtime::Registry& runtimes,
                                const steps::Registry& steps);

/// `study plan` and `study status`: read a study and what is done of it. Runtimes and steps may be listed ones that
/// cannot work (listed_runtimes, steps::described), but for `--trial`.
int run_study_plan(const program::Invocation& invocation, const program::Environment& environment,
                   const runtime::Registry& runtimes, const steps::Registry& steps);

/// `study cancel`.
int run_study_cancel(const program::Invocation& invocation, const program::Environment& environment,
                     const runtime::Registry& runtimes, const steps::Registry& steps);

}  // namespace quench::cli
