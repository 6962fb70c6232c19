#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bits/sensitivity.h"
#include "calibration/ranges.h"
#include "core/cancel.h"
#include "core/log.h"
#include "score/evaluation.h"

namespace quench::calibration {

/// A model with some ranges, on the images that it is scored on.
struct Scored {
  bits::Effect effect;  ///< against the float model
  score::Evaluation evaluation;
};

struct Scoring {
  int64_t images = 0;
  std::string score_name;
  std::optional<double> float_score;  ///< none where nothing is annotated
  std::vector<Scored> of;             ///< as the ranges
};

/// Scores the model quantized with each of these ranges, quantization simulated, on training images that nothing was
/// calibrated on. settings: values of config::quantize_options(). Throws Error{data} for values that are not finite,
/// Error{cancelled}.
Scoring score_ranges(const graph::Graph& float_graph, const quant::Placement& placement,
                     const std::vector<Ranges>& ranges, const data::Splits& data, const std::vector<int64_t>& images,
                     const Json& settings, const LogSink& log, const CancelToken& cancel);

}  // namespace quench::calibration
