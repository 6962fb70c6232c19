#pragma once

#include <string>
#include <vector>

#include "core/cancel.h"
#include "core/json.h"
#include "core/log.h"
#include "data/dataset.h"
#include "graph/graph.h"
#include "quant/placement.h"

namespace quench::quant {

/// A float Graph calibrated: quantized edges and weights carry QuantParams, weights still float (what QAT fine-tunes).
struct Prepared {
  graph::Graph graph;
  std::vector<std::string> float_layers;
  std::string calibration_sha256;
};

/// Folds batch norm, places Q/DQ for the target, calibrates activations with the observer on a seeded subset of
/// data.train, and weights by their own range. config: values of config::quantize_options().
Prepared prepare(const graph::Graph& float_graph, const data::Splits& data, const Json& config, const LogSink& log,
                 const CancelToken& cancel);

/// Rounds weights to integers (int8; bias to int32 at scale_x * scale_w): the artifact. Weight scales are taken anew
/// from the weights (they moved in QAT); edge scales stay.
graph::Graph convert(const graph::Graph& prepared);

}  // namespace quench::quant
