#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "bits/changed_run.h"
#include "graph/graph.h"
#include "quant/placement.h"
#include "quant/quantize.h"
#include "quant/weight_params.h"

namespace quench::bits {

/// What makes changes of single layers: a model and what a quantization of all of its layers found out.
struct LayerSource {
  const graph::Graph& float_model;  ///< as it was given to the quantization
  const graph::Graph& twin;         ///< quant::float_twin of `prepared.graph`
  const quant::Prepared& prepared;  ///< with float weights
  quant::PlacementOptions options;  ///< of that quantization
  quant::WeightRule rule;
};

/// A layer quantized alone, for a run of the twin: its weights rounded to `bits`, and what it reads as the quantized
/// model has it. weight_error takes sum (w' - w)^2.
Change alone(const LayerSource& source, size_t node, int bits, double& weight_error);

/// A layer in float, for a run of the quantized model: its weights, and those values that no other layer reads rounded.
/// Throws Error{config} where the target has no such placement.
Change in_float(const LayerSource& source, size_t node);

}  // namespace quench::bits
