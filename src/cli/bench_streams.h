#pragma once

#include <vector>

#include "graph/onnx_read.h"
#include "program/command.h"
#include "runtime/registry.h"

namespace quench::cli {

/// Settings of `bench` that go beyond the run of one image at a time: end_to_end, streams, picture, and those of
/// `predict` that say what becomes of a picture's boxes.
config::OptionSet streams_options();

/// Whether `bench` goes this way.
bool wants_streams(const Json& options);

/// Throws Error{config} for settings that do not go together. given: as the user wrote them.
void check_streams(const Json& options, const Json& given);

/// `bench` with --end-to-end (from a picture file's bytes to what `predict` says of it) or with --streams (several
/// images at once): times of every stage, images a second. Returns an exit code.
int run_bench_streams(const std::vector<graph::ModelFile>& models, const Json& options,
                      const program::Environment& environment, const runtime::Registry& registry);

}  // namespace quench::cli
