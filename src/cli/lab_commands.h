#pragma once

#include "cli/command.h"

namespace quench::cli {

/// Commands of quench_lab. Each returns an exit code; an Error goes to main.
int run_train(const Invocation& invocation, const Environment& environment);
int run_quantize(const Invocation& invocation, const Environment& environment);
int run_eval(const Invocation& invocation, const Environment& environment);
int run_predict(const Invocation& invocation, const Environment& environment);
int run_data_pack(const Invocation& invocation, const Environment& environment);
int run_data(const Invocation& invocation, const Environment& environment);
int run_study(const Invocation& invocation, const Environment& environment);

/// Settings of a lab command: flags over its `--config` file over defaults.
Json lab_settings(const Invocation& invocation);
/// As lab_settings, without the defaults: what the user said.
Json given_settings(const Invocation& invocation);

/// The `output` setting. Throws Error{config} where it is missing, Error{io} where its folder cannot be written.
std::filesystem::path require_output(const Json& settings, const Invocation& invocation);

}  // namespace quench::cli
