#pragma once

#include "calibration/findings.h"
#include "core/cancel.h"
#include "core/log.h"
#include "data/sets/dataset.h"
#include "graph/onnx_read.h"

namespace quench::calibration {

/// What a calibration of a float model depends on: the pictures, by one pass over them, and where settings say
/// `compare`, the score of the model quantized by each observer on each choice of them. A choice's histograms are the
/// sum of its pictures', so that ranges are those of quant::calibrate on them, and no choice costs a pass of its own.
/// Ranges that are equal to the bit are scored once.
///
/// settings: values of config::calibrate_options() and of config::data_options(), which the command names. Throws
/// Error{config} for a quantized model and settings that do not fit, Error{data} for data that are not the model's, and
/// as look_at_pictures does, Error{cancelled}.
Findings compare(const graph::ModelFile& model, const data::Splits& data, const Json& settings, const LogSink& log,
                 const CancelToken& cancel);

}  // namespace quench::calibration
