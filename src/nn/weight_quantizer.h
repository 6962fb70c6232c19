#pragma once

#include <torch/types.h>

#include "graph/graph.h"

namespace quench::nn {

/// How weights are rounded in one pass.
struct WeightRounding {
  double ewgs_delta = 0;    ///< 0: straight-through
  bool stochastic = false;  ///< up with the probability of the fraction, else to nearest
  uint64_t seed = 0;        ///< of stochastic rounding
  int64_t step = 0;         ///< noise is a function of (seed, step, the weight's place)
  /// EWGS looks at signs of the gradient of the whole batch; null: of the pass.
  WholeBatchPtr whole_batch = {};

  bool plain() const { return ewgs_delta == 0 && !stochastic; }
};

/// y = s clamp(round(w / s), -q_max, q_max) with gradients for both (LSQ: Esser et al. 2020, equations 1 to 3). With v
/// = w / s, f the gradient of the discretizer, and Q = q_max:
///
///     dy/dw = f where |v| <= Q, else 0        dy/ds = round(v) - v f where |v| <= Q, else sign(v) Q
///
/// f is 1 (straight-through), or 1 + delta sign(dL/dy) (v - round(v)) (EWGS: Lee et al. 2021, equation 4, in steps).
/// The gradient of s is summed over the weights that share it and multiplied by 1 / sqrt(N Q), N their number. Where a
/// weight is rounded stochastically, round() is what was drawn.
///
/// With levels (graph/levels.h) round(v) is the nearest of them, which neither EWGS nor chance is defined for, and the
/// range is from the least to the largest. With groups (graph/weight_groups.h) a weight's step is s times its factor k:
/// v = w / (s k), round(v) is its code, Q the largest code, and dy/ds is k times as much.
///
/// weight: float32, any shape; scale: float32 [1] or [C] (params.axis), > 0. params: zero point 0. covered: the scale
/// is known to cover the weight, so that |v| <= Q whatever float rounding says. place: of the weight among others, for
/// the noise.
torch::Tensor quantize_weight(const torch::Tensor& weight, const torch::Tensor& scale, const graph::QuantParams& params,
                              bool covered, const WeightRounding& rounding, uint64_t place);

/// What is rounded in place of a weight v (Zhou et al. 2016, equation 9, before rounding): M tanh(v) / max|tanh(v)|,
/// the maximum over the weights that share a scale, so that M is their largest size. M stands in place of the paper's
/// 1: there a batch norm behind gives the weights their size back, here it is folded. Differentiable in v. largest: M,
/// [1] or [C].
torch::Tensor dorefa(const torch::Tensor& latent, const torch::Tensor& largest, int axis);

/// The v for which dorefa(v) is a given weight whose largest sizes are `largest`: atanh(w tanh(min(M, 1)) / M).
torch::Tensor dorefa_latent(const torch::Tensor& weight, const torch::Tensor& largest, int axis);

/// max|w| over the whole tensor ([1]), or for each output channel ([O]).
torch::Tensor largest_sizes(const torch::Tensor& weight, int axis);

}  // namespace quench::nn
