#pragma once

#include <vector>

#include "program/command.h"
#include "record/record.h"
#include "remote/remote_agent.h"

namespace quench::cli {

/// Settings of a device that is reached by ssh: `device`, `agent`, `ssh_config`.
config::OptionSet remote_options();

/// Whether `device` names one. Throws Error{config} where it is neither `host` nor an ssh:// address.
bool is_remote(const Json& options);

/// The agent on the device that `device`, `agent` and `ssh_config` name.
remote::RemoteAgent connect(const Json& options, const program::Environment& environment);

/// `bench` on a device, by quench-agent.
int run_bench_remote(const program::Invocation& invocation, const program::Environment& environment);
/// `eval` of a sample pack on a device, by quench-agent.
int run_eval_remote(const program::Invocation& invocation, const program::Environment& environment);

}  // namespace quench::cli
