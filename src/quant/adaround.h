#pragma once

#include <vector>

#include "core/cancel.h"
#include "core/json.h"
#include "core/log.h"
#include "core/tensor.h"
#include "graph/graph.h"

namespace quench::quant {

struct Adarounded {
  graph::Graph graph;  ///< each float weight at the centre of the integer that was chosen for it
  int64_t layers = 0;
  int64_t blocks = 0, in_blocks = 0;  ///< blocks that were learned at once, and layers in them
  double flipped = 0;                 ///< share of all weights that are not rounded to the nearest integer
  double error =
      1;  ///< geometric mean over layers and blocks of the squared output error, as a share of that of the nearest
};

/// AdaRound (Nagel et al. 2020): for each quantized layer in order, which weights are rounded up and which down, so
/// that its output, after the activation that follows, is nearest to the float model's, given inputs as the quantized
/// layers before it make them ("asymmetric reconstruction"). Biases and scales stay. Deviation from the paper: of each
/// image some places of the layer's output are looked at, 16,384 in all, instead of whole outputs, so that memory and
/// time do not grow with the image.
///
/// With `unit: block` the layers of a block (quant/blocks.h) are learned at once, against the block's output on whole
/// images (quant/block_rounding.h), as many as memory takes; layers in no block are learned alone. With `weigh: fisher`
/// a block's errors are weighed by squared gradients (quant/output_gradients.h) over their mean; layers alone are not.
///
/// quantized: with float weights. twin: float_twin of it. images: uint8 [N,S,S,3] a batch. settings: values of
/// config::adaround_options(). Metadata set: weight_scales=fixed, since scales no longer follow from the weights.
/// Throws Error{data} for a loss that is not finite (naming the layer), Error{unsupported} for what a block cannot be,
/// Error{cancelled}.
Adarounded adaround(const graph::Graph& quantized, const graph::Graph& twin, const std::vector<Tensor>& images,
                    const Json& settings, const LogSink& log, const CancelToken& cancel);

}  // namespace quench::quant
