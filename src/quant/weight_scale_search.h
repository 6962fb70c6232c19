#pragma once

#include <span>

#include "graph/graph.h"

namespace quench::quant {

/// Scales of weights with the least squared rounding error, values beyond the last integer clamped: for each output
/// channel (start.axis 0) or the whole tensor (-1)
///
///   argmin_s sum_j a_j (w_j - s clamp(round(w_j / s), -q_max, q_max))^2
///
/// (Nagel et al. 2021, 3.1; Gholami et al. 2021, III-B). Searched over 100 steps from the scale of `start`, which
/// covers the weights, down to a fifth of it, then 50 steps around the best of these, then, from the best, by turns:
/// the integers for a scale, the best scale for those integers, s = sum a w q / sum a q^2, while the error falls. So
/// never worse than `start`.
///
/// weight: float32 [O,I/groups,...]. importance: a_j of the inputs' channels, as E[x^2] of them, [I]; with it the error
/// is that of the layer's output where inputs are uncorrelated; empty: 1. least: scales below are not taken (a bias
/// must fit: nn::max_abs_params), one a channel or one. groups: of the convolution.
graph::QuantParams search_weight_scales(const Tensor& weight, graph::QuantParams start,
                                        std::span<const double> importance, std::span<const float> least,
                                        int64_t groups = 1);

/// The error that search_weight_scales makes least, of one channel's weights: importance of each weight; empty: 1.
double rounding_error(std::span<const float> weights, std::span<const double> importance, float scale, int64_t q_max);

}  // namespace quench::quant
