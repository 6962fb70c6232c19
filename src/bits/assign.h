#pragma once

#include "bits/sensitivity.h"
#include "core/cancel.h"
#include "core/log.h"
#include "data/sets/dataset.h"
#include "graph/onnx_read.h"
#include "prune/latency_cost.h"
#include "quant/quantize.h"

namespace quench::bits {

/// Quantizes a float model with a width of its own for each layer: the assignment of least summed harm (of the table)
/// for a budget, or the cheapest one that keeps a share of the score. table: of this model. settings: values of
/// config::assign_bits_options(). Every answer is scored, its quantization simulated, on the training images of the
/// setting; test images are not looked at. prepared: the model, calibrated under the settings that the table was
/// measured with, which are these; null: it is calibrated here.
///
/// Metadata: as quant::prepare sets them, and `assign_bits`: goal, budget, cost, both scores, and the list of
/// assignments from the cheapest to the dearest, with scores where they were taken. Throws Error{config} for a table of
/// another model or without these widths, and for a budget or a score that no assignment meets (which says the
/// nearest); Error{cancelled}.
graph::Graph assign_bits(const graph::ModelFile& model, const data::Splits& data, const Json& settings,
                         const Sensitivity& table, const prune::LatencyOf& latency, const LogSink& log,
                         const CancelToken& cancel, const quant::Prepared* prepared = nullptr);

}  // namespace quench::bits
