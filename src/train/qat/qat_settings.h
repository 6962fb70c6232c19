#pragma once

#include "core/json.h"
#include "graph/graph.h"
#include "nn/qat_options.h"

namespace quench::train {

/// How a training of a model with fake-quantizers treats them: values of config::quantizer_options and `ranges`, with
/// what stands for those that are not given.
struct QatSettings {
  nn::QatOptions quantizers;
  double pact_decay = 0;        ///< factor of half the squared upper ends
  double damping = 0;           ///< factor of the squared distances to what weights are rounded to; 0: off
  bool damping_cosine = true;   ///< from 0 on, by half a cosine
  double freeze_threshold = 0;  ///< 0: off
  double freeze_momentum = 0.01;
};

/// values: checked ones; what a model of narrow weights learns without being told is added to them (`weight_ranges`),
/// as a part of what decides the result. Throws Error{config} for settings that contradict one another, and for those
/// of quantizers where the graph has none.
QatSettings qat_settings(Json& values, const graph::Graph& graph);

}  // namespace quench::train
