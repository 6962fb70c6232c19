#pragma once

#include <string>
#include <vector>

#include "core/cancel.h"
#include "core/tensor.h"
#include "graph/graph.h"

namespace quench::quant {

/// How far one layer's output (convolution or linear, with the activation that alone follows it) is from the float
/// model's, in decibels of signal over noise: 10 log10(sum y^2 / sum (y - y')^2) over all images, channels and places;
/// infinite where nothing differs. 6.02 dB are one bit.
struct LayerError {
  std::string layer;
  graph::EdgeId output = -1;  ///< what is compared
  double sqnr_db = 0;         ///< with all that stands before it quantized too: where errors add up
  double own_db = 0;          ///< it alone: float inputs, then input, weights and output rounded
  double weights_db = 0;      ///< of that by its weights alone: inputs and outputs not rounded
  double activations_db = 0;  ///< of that by the rounding of its input and output alone, weights in float
  double bias_share = 0;      ///< share of the noise of sqnr_db that is a shift of channel means, in [0,1]
  bool quantized = true;      ///< false: it runs in float, and sqnr_db is what reaches it
};

/// Every layer of a quantized model (float or integer weights), in order. twin: float_twin(quantized, ...). images:
/// uint8 [N,S,S,3] a batch. About three passes over the images. Throws Error{data} for values that are not finite,
/// Error{cancelled}.
std::vector<LayerError> layer_errors(const graph::Graph& quantized, const graph::Graph& twin,
                                     const std::vector<Tensor>& images, const CancelToken& cancel);

}  // namespace quench::quant
