#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "graph/graph.h"

namespace quench::metrics {

/// How wide a model's quantized layers are, in bits.
struct LayerWidths {
  int64_t weights = 32;  ///< the width of most quantized weights, by their number; 32 where none is quantized
  int64_t activations =
      32;  ///< the width of what most quantized layers read, the image (always 8 bits) apart; 32: float
  std::optional<double>
      mean_weights;  ///< mean width of the quantized weights, by their number; empty where there are none
  /// The quantized layers of other widths, in order, as `layer_bits` of `quantize` takes them: "conv2=w4a6,fc=a5".
  std::string others;
};

/// Counts convolutions and linear layers with quantized weights. Of equally many the larger width is that of most.
LayerWidths layer_widths(const graph::Graph& graph);

}  // namespace quench::metrics
