#pragma once

#include "graph/onnx_read.h"
#include "pack/file.h"
#include "program/command.h"
#include "record/record.h"

namespace quench::agent {

/// What is known before any work: model, runtime, threads, machine, version, settings. `pack` may be null.
record::Record start_record(const graph::ModelFile& model, const pack::Reader* pack, const Json& options,
                            const program::Environment& environment);

/// Runs a step of a record's work. What a runtime cannot do (Error{unsupported}, Error{backend}) becomes the record's
/// status and reason, and a warning; other errors pass. False where the record has failed, now or before.
bool attempt(record::Record& record, const LogSink& log, const std::function<void()>& step);

/// Ends a record: its time. Appends it to the file of `out`, where set, then prints it as a line.
void answer(record::Record& record, const Json& options);

}  // namespace quench::agent
