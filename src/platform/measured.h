#pragma once

#include <string>

#include "core/error.h"
#include "graph/onnx_read.h"
#include "metrics/latency.h"
#include "record/record.h"
#include "score/scores.h"

namespace quench::platform {

/// What a model file says of itself: model, task, method (what was done to it: "ptq", "pruned+ptq";
/// fp32 where nothing was), image size, widths of layers,
/// counts, sizes, layers kept in float, hashes. Parameters and bytes are counted with batch norm folded, as deployed.
void set_model(record::Record& record, const graph::ModelFile& model);

/// What pruning for latency predicted of the model (its metadata `pruned`), where that was of the record's device,
/// runtime, threads and precision: to be called when these are set.
void set_predicted(record::Record& record, const graph::ModelFile& model);

/// How large its file is once compressed, compressed_file_bytes. Takes a second for 25 MB.
void set_compressed(record::Record& record, const graph::ModelFile& model);

/// Where it was measured: this machine, the program's version.
void set_host(record::Record& record, const std::string& version);

void set_latency(record::Record& record, const metrics::LatencySummary& latency);

/// How good it is on `samples` images; of top1, its 95 % interval too.
void set_scores(record::Record& record, const score::Scores& scores, int64_t samples);

/// Why there is no result: status `unsupported` or `failed` by the error's kind, and its words.
void set_failure(record::Record& record, const Error& error);

}  // namespace quench::platform
