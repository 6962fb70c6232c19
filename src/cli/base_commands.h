#pragma once

#include "cli/command.h"
#include "runtime/registry.h"

namespace quench::cli {

/// Commands of quench_base: they start in milliseconds. Each returns an exit code; an Error goes to main.
int run_info(const Invocation& invocation, const Environment& environment);
int run_export(const Invocation& invocation, const Environment& environment);
int run_import(const Invocation& invocation, const Environment& environment);
int run_report(const Invocation& invocation, const Environment& environment);
int run_devices_list(const Invocation& invocation, const Environment& environment);
int run_devices_show(const Invocation& invocation, const Environment& environment);
int run_devices_predict(const Invocation& invocation, const Environment& environment);
int run_devices_fit(const Invocation& invocation, const Environment& environment);
/// `eval`: of detections in files here; of a model in the lab.
int run_eval_base(const Invocation& invocation, const Environment& environment);

/// Commands that serve runtimes: in the base with those of the base registry, in the lab with torch too.
int run_bench(const Invocation& invocation, const Environment& environment, const runtime::Registry& registry);
int run_runtimes(const Invocation& invocation, const Environment& environment, const runtime::Registry& registry);

}  // namespace quench::cli
