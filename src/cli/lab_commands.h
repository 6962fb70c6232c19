#pragma once

#include <filesystem>
#include <optional>

#include "program/command.h"

namespace quench::steps {
class Registry;
}

namespace quench::cli {

/// Commands of quench_lab, and of quench_data (those on data). Each returns an exit code; an Error goes to main.
/// PTQ and QAT: methods of the steps `quantize` and `finetune`.
int run_quantize(const program::Invocation& invocation, const program::Environment& environment);
/// A step as a command of its own: the step's name is the command's.
int run_step(const program::Invocation& invocation, const program::Environment& environment,
             const steps::Registry& registry);
int run_eval(const program::Invocation& invocation, const program::Environment& environment);
int run_calibrate(const program::Invocation& invocation, const program::Environment& environment);
int run_sensitivity(const program::Invocation& invocation, const program::Environment& environment);
int run_why(const program::Invocation& invocation, const program::Environment& environment);
/// `export --to integers`, which reads an image.
int run_export_integers(const program::Invocation& invocation, const program::Environment& environment);
int run_predict(const program::Invocation& invocation, const program::Environment& environment);
int run_data_pack(const program::Invocation& invocation, const program::Environment& environment);
int run_data(const program::Invocation& invocation, const program::Environment& environment);
int run_data_index(const program::Invocation& invocation, const program::Environment& environment);
int run_data_shard(const program::Invocation& invocation, const program::Environment& environment);
int run_data_verify(const program::Invocation& invocation, const program::Environment& environment);
int run_data_speed(const program::Invocation& invocation, const program::Environment& environment);
/// `fetch`: released weights.
int run_fetch(const program::Invocation& invocation, const program::Environment& environment);
/// `study init`.
int run_study_init(const program::Invocation& invocation, const program::Environment& environment);
/// `study run`.
int run_study(const program::Invocation& invocation, const program::Environment& environment);
/// `study work`: a worker among others; `study collect`: the page of what they did.
int run_study_work(const program::Invocation& invocation, const program::Environment& environment);
int run_study_collect(const program::Invocation& invocation, const program::Environment& environment);
/// `study archive` and `study verify`.
int run_study_archive(const program::Invocation& invocation, const program::Environment& environment);
int run_study_verify(const program::Invocation& invocation, const program::Environment& environment);

/// Settings of a lab command: flags over its `--config` file over defaults. entry: its own, or the one of its name.
Json lab_settings(const program::Command& entry, const program::Invocation& invocation);
Json lab_settings(const program::Invocation& invocation);
/// As lab_settings, without the defaults: what the user said.
Json given_settings(const program::Invocation& invocation);

/// The `output` setting. Throws Error{config} where it is missing, Error{io} where its folder cannot be written.
std::filesystem::path require_output(const Json& settings, const program::Invocation& invocation);

/// A setting that names a file which is written at the end; nothing where it is not given. Throws Error{io} where its
/// folder cannot be written, so that this is known before the work.
std::optional<std::filesystem::path> file_to_write(const Json& settings, const char* name);

}  // namespace quench::cli
