#pragma once

#include <torch/types.h>

#include <cstdint>

#include "core/cancel.h"
#include "graph/graph.h"

namespace quench::quant {

/// How large a step of each weight is, in a shape that broadcasts along it: the scale, times the factor of its group
/// where it has groups (graph/weight_groups.h).
torch::Tensor step_sizes(const graph::Weight& weight);

/// One layer whose rounding is learned, as products of matrices: y = act(x w^T + bias), a product a group.
struct RoundingLayer {
  torch::Tensor weight;  ///< [G,O,K] float32, before rounding
  torch::Tensor scale;   ///< [G,O,1] or [1,1,1]; [G,O,K] where groups of inputs have steps of their own
  torch::Tensor bias;    ///< [G,1,O]
  int64_t q_min = -127, q_max = 127;
  std::vector<int8_t> levels =
      {};  ///< non-uniform ones (graph/levels.h): up and down are the neighbours of w / s there
  graph::Activation activation = graph::Activation::none;  ///< what the reconstruction error is taken after
};

struct RoundingSettings {
  int64_t iterations = 1000;
  int64_t batch = 256;          ///< samples an iteration
  double lr = 0.01;             ///< of Adam
  double regularization = 100;  ///< lambda of all weights together, in units of the error of rounding to nearest
  double warmup = 0.2;          ///< first share of the iterations, without regularization
  double beta_start = 20, beta_end = 2;
  uint64_t seed = 0;
};

/// AdaRound's loss (Nagel et al. 2020, equations 21 to 25) for variables v [G,O,K]:
///
///   w~ = s clamp(floor(w / s) + h(v), q_min, q_max),  h(v) = clamp(sigmoid(v) (zeta - gamma) + gamma, 0, 1)
///   L = mean over samples of sum over outputs of (act(x w~^T + b) - target)^2
///       + lambda sum (1 - |2 h(v) - 1|^beta),  zeta = 1.1, gamma = -0.1
///
/// x: [G,n,K]; target: [G,n,O]. lambda 0: without the second term. gradient, where not null, becomes dL/dv.
double rounding_loss(const RoundingLayer& layer, const torch::Tensor& x, const torch::Tensor& target,
                     const torch::Tensor& v, double lambda, double beta, torch::Tensor* gradient);

/// h(v), differentiable.
torch::Tensor rectified_sigmoid(const torch::Tensor& v);

/// beta at a share of the iterations after the warm-up, in [0,1]: half a cosine from beta_start to beta_end.
double rounding_beta(const RoundingSettings& settings, double share);

/// Where h(v) is what rounding left over, so that w~ = w: v = -log((zeta - gamma) / (w / s - floor(w / s) - gamma) -
/// 1).
torch::Tensor initial_variables(const RoundingLayer& layer);

/// What a learned rounding gives.
struct Rounded {
  torch::Tensor steps;       ///< [G,O,K] float32, whole: the integers
  double nearest_error = 0;  ///< mean over all samples of the squared error, rounded to nearest
  double error = 0;          ///< as learned
  double flipped = 0;        ///< share of weights that are not at the nearest integer
};

/// Learns whether each weight is rounded up or down, over all of x [G,n,K] and target [G,n,O] in seeded batches of
/// samples. lambda = regularization E / N, with E the error of rounding to nearest and N the weights, so that nothing
/// depends on the scale of outputs or the size of a layer (the paper has lambda 0.01 for all). beta falls from
/// beta_start to beta_end by half a cosine. Weights that are exactly 0 stay 0 (sparse models). At the end h >= 0.5
/// rounds up. The nearest integers are kept where they have the lesser error. Throws Error{data} for a loss that is not
/// finite, Error{cancelled}.
Rounded learn_rounding(const RoundingLayer& layer, const torch::Tensor& x, const torch::Tensor& target,
                       const RoundingSettings& settings, const CancelToken& cancel);

}  // namespace quench::quant
