#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/cancel.h"
#include "core/json.h"
#include "core/log.h"
#include "core/shards.h"
#include "data/sets/dataset.h"
#include "graph/graph.h"
#include "quant/placement.h"

namespace quench::quant {

/// A float Graph calibrated: quantized edges and weights carry QuantParams, weights still float (what QAT fine-tunes).
struct Prepared {
  graph::Graph graph;
  std::vector<std::string> float_layers;
  std::string calibration_sha256;
  /// Where weight scales go by them (output_mse): of the channels of the edges that quantized layers read.
  std::map<graph::EdgeId, std::vector<double>> mean_squares;
};

/// Folds batch norm, places Q/DQ for the target, calibrates activations with the observer on a seeded subset of
/// data.train, and weights by their own range, or by least squares (`weight_scales`). config: values of
/// config::quantize_options(); other keys are not looked at. Biases stay float until convert() (their rounding, 1 /
/// (input scale * weight scale), is far below an output step). Metadata set: method=ptq, observer, target, weights,
/// activations, bits_w, bits_a, layer_bits (where set), float_layers, calibration_images, calibration_sha256; in place
/// of the observer activation_scales=dynamic where ranges are found as the model runs: no image is looked at then
/// (data.train may be null) unless scales of weights want it; weight_scales=fixed and weight_scales_by where scales are
/// not max|w|, levels where they are not uniform. Throws Error{config} for a setting that does not fit (0 calibration
/// images), Error{data} where a value is not finite, Error{unsupported} for a target that cannot take it,
/// Error{cancelled}. shards: the processes that calibrate together (CalibrateOptions::shards), all of which get the
/// same.
Prepared prepare(const graph::Graph& float_graph, const data::Splits& data, const Json& config, const LogSink& log,
                 const CancelToken& cancel, const Shards* shards = nullptr);

/// The same model with other layers in float or other bits of weights, with the ranges that `prepared` found: no image
/// is looked at again. config: as it was given to prepare() but for `float_layers`, `layer_bits` and `bits_w`. Throws
/// Error{config} where more values would be quantized than in `prepared`.
graph::Graph requantized(const Prepared& prepared, const graph::Graph& float_graph, const Json& config);

/// Rounds weights to integers (int8, clamped to their range; bias to int32 at scale_x * scale_w): the artifact. Scales
/// are those that stand in the Graph. Layers without QuantParams stay float, biases of layers with dynamic inputs too.
/// Throws Error{data} for weights that are not finite and a bias beyond 2^30 steps. convert(convert(g)) == convert(g).
graph::Graph convert(const graph::Graph& prepared);

}  // namespace quench::quant
