#pragma once

#include "bits/sensitivity.h"
#include "core/cancel.h"
#include "core/log.h"
#include "core/shards.h"
#include "data/sets/dataset.h"
#include "graph/onnx_read.h"
#include "quant/quantize.h"

namespace quench::bits {

/// Measures how much each layer of a float model suffers from fewer bits: each quantized alone, at several widths, and
/// all of them but it, on training images that are not augmented. One calibration serves all; each layer's run begins
/// where the layer stands, with the values that the model has there.
///
/// Heads are quantized too, whatever `quantize_head` is, so that they can be compared. settings: values of
/// config::sensitivity_options(). Throws Error{config} for a quantized model and data that are not the model's, Error
/// {data} where a value is not finite, Error{cancelled}.
/// prepared, where not null: takes the calibrated model that the measurement was of.
///
/// shards: the processes that measure together; null: this one alone. They share the calibration images, the batches
/// that layers are measured on, and the Hessian's probes. All of them get the same table, to the bit what one process
/// gives with whatever number of threads (docs/decisions/0027-exact-merging.md).
Sensitivity measure_sensitivity(const graph::ModelFile& model, const data::Splits& data, const Json& settings,
                                const LogSink& log, const CancelToken& cancel, quant::Prepared* prepared = nullptr,
                                const Shards* shards = nullptr);

}  // namespace quench::bits
