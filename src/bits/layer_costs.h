#pragma once

#include <string>
#include <vector>

#include "bits/layer_changes.h"
#include "prune/latency_cost.h"

namespace quench::bits {

/// What a model costs, layer by layer, at widths of its layers.
struct LayerCosts {
  std::vector<std::vector<double>> layers;  ///< of each layer: at each width
  double rest = 0;                          ///< what all else costs, whatever the widths
  std::string unit;                         ///< "bytes", "bit operations", "ns"
};

/// Which cost.
enum class CostKind { bytes, bops };

/// As metrics::cost counts them (stored bytes; multiply-accumulates x bits of weights x bits of what is read) of each
/// of these layers (nodes of source.prepared.graph) with its weights at each of the widths; 0: float.
LayerCosts counted_costs(const LayerSource& source, const std::vector<size_t>& layers, const std::vector<int>& widths,
                         CostKind kind);

/// Latency on a device, by the times of layers in float and in int8: weights of fewer bits run as bytes, and take what
/// int8 takes. What lies between layers of the two kinds (rounding, and back) is not in it. names: of the layers.
LayerCosts latency_costs(const std::vector<std::string>& names, const std::vector<int>& widths,
                         const prune::Latency& in_float, const prune::Latency& in_int8);

}  // namespace quench::bits
