#pragma once

#include "program/command.h"
#include "runtime/registry.h"

namespace quench::cli {

/// Commands of quench_base: they start in milliseconds. Each returns an exit code; an Error goes to main.
int run_info(const program::Invocation& invocation, const program::Environment& environment);
int run_export(const program::Invocation& invocation, const program::Environment& environment);
int run_import(const program::Invocation& invocation, const program::Environment& environment);
int run_report(const program::Invocation& invocation, const program::Environment& environment);
int run_study_reference(const program::Invocation& invocation, const program::Environment& environment);
int run_devices_list(const program::Invocation& invocation, const program::Environment& environment);
int run_devices_show(const program::Invocation& invocation, const program::Environment& environment);
int run_devices_forecast(const program::Invocation& invocation, const program::Environment& environment);
int run_devices_plan(const program::Invocation& invocation, const program::Environment& environment);
int run_devices_fit(const program::Invocation& invocation, const program::Environment& environment);
/// `eval`: of detections in files here; of a model in the lab.
int run_eval_base(const program::Invocation& invocation, const program::Environment& environment);

/// Commands that serve runtimes: in the base with those of the base registry, in the lab with torch too.
int run_bench(const program::Invocation& invocation, const program::Environment& environment,
              const runtime::Registry& registry);
int run_runtimes(const program::Invocation& invocation, const program::Environment& environment,
                 const runtime::Registry& registry);

}  // namespace quench::cli
