#pragma once

#include <torch/types.h>

#include <vector>

#include "core/cancel.h"
#include "graph/graph.h"
#include "quant/blocks.h"
#include "quant/learned_rounding.h"

namespace quench::quant {

/// What a block's rounding is learned from, image by image.
struct BlockSamples {
  torch::Tensor x;            ///< [N,...] at its entry, as the quantized model before it makes them
  torch::Tensor float_x;      ///< the same of the float model; needed where values are dropped
  torch::Tensor target;       ///< [N,...] at its exit, of the float model
  torch::Tensor weight = {};  ///< of each squared error there (quant/output_gradients.h); undefined: all 1
};

struct RoundedBlock {
  std::vector<torch::Tensor> steps;  ///< of Block::layers, in the weight's shape: float32, whole
  double nearest_error = 0;          ///< mean over images and places of the (weighed) error, all rounded to nearest
  double error = 0;                  ///< as learned
  double flipped = 0;                ///< share of weights that are not at the nearest integer
};

/// Squared error at the block's exit, before that is rounded, times samples.weight, summed over channels and averaged
/// over images and places, with these whole steps; what flows inside is rounded as the Graph says.
double block_error(const graph::Graph& graph, const Block& block, const BlockSamples& samples,
                   const std::vector<torch::Tensor>& steps);

/// The nearest integers of each layer.
std::vector<torch::Tensor> nearest_steps(const graph::Graph& graph, const Block& block);

/// Learns for all weights of a block at once whether they are rounded up or down (BRECQ: Li et al. 2021, algorithm 1),
/// with AdaRound's variables, regularization and schedule (rounding_loss), against block_error in seeded batches of
/// settings.batch images. drop: each value inside, and at the entry, is left as the float one with this probability
/// (QDrop: Wei et al. 2022, equation 7); 0: none is. Gradients pass roundings of values straight through (Bengio et al.
/// 2013).
///
/// Weights that are exactly 0 stay 0. The nearest integers are kept where they have the lesser error. graph: with float
/// weights. Throws Error{data} for a loss that is not finite, Error{cancelled}.
RoundedBlock learn_block(const graph::Graph& graph, const Block& block, const BlockSamples& samples,
                         const RoundingSettings& settings, double drop, const CancelToken& cancel);

}  // namespace quench::quant
