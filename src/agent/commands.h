#pragma once

#include <vector>

#include "program/command.h"
#include "runtime/runtime.h"

namespace quench::agent {

/// All commands of `quench-agent`, in the order of --help.
const std::vector<program::Command>& commands();

/// The settings of an invocation: flags over defaults. Throws Error{config}.
Json settings_of(const program::Invocation& invocation);

/// What the settings `threads` and `isa` say.
runtime::SessionOptions session_options(const Json& options);

/// Each returns an exit code (docs/agent.md); an Error goes to main.
int run_info(const program::Invocation& invocation, const program::Environment& environment);
int run_check(const program::Invocation& invocation, const program::Environment& environment);
int run_bench(const program::Invocation& invocation, const program::Environment& environment);
/// Times of layers that a file asks for (platform/layer_times.h), in `config` of one record: layer_times_ns.
int run_layers(const program::Invocation& invocation, const program::Environment& environment);
/// What a model sees in pictures or a camera, a JSON object a picture and line, and a last one of the times.
int run_predict(const program::Invocation& invocation, const program::Environment& environment);
/// `eval`, and `run`, which is eval and bench with one session.
int run_eval(const program::Invocation& invocation, const program::Environment& environment);

}  // namespace quench::agent
