#pragma once

#include <string>

#include "graph/onnx_read.h"
#include "record/record.h"
#include "runtime/measure.h"
#include "study/evaluate.h"
#include "study/plan.h"

namespace quench::study {

/// What is known before any work: names, settings, host, version.
record::Record start_record(const StudyFile& study, const Cell& cell, const std::string& version);

/// Counts, sizes, precisions and hashes of the artifact. Parameters and bytes are counted with batch norm folded.
void set_model(record::Record& record, const graph::ModelFile& model);

/// Accuracy of the artifact in its runtime, and agreement of its predictions with the simulation's.
void set_accuracy(record::Record& record, const Accuracy& real, const Accuracy& simulated);

void set_latency(record::Record& record, const runtime::Measurement& measured);

}  // namespace quench::study
