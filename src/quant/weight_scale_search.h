#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graph/graph.h"

namespace quench::quant {

/// What weights are rounded to, as quant::convert does it, in steps w / scale.
class WeightGrid {
 public:
  WeightGrid(int64_t q_max) : most_(static_cast<double>(q_max)) {}  ///< the integers of [-q_max, q_max]
  WeightGrid(const graph::QuantParams& params);                     ///< those of the parameters, or their levels
  /// The nearest integer or level.
  double nearest(float steps) const;

 private:
  double most_;
  std::vector<int8_t> levels_ = {};
  std::vector<float> boundaries_ = {};
};

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
/// must fit: nn::max_abs_params), one a channel or one. groups: of the convolution. Where `start` has levels, weights
/// are rounded to these.
graph::QuantParams search_weight_scales(const Tensor& weight, graph::QuantParams start,
                                        std::span<const double> importance, std::span<const float> least,
                                        int64_t groups = 1);

/// Scales that are `unit` times a power of two (quant/power_of_two.h): for each channel the least that is not below
/// that of `start`; with `search` the one of the least squared rounding error among it and the four below. Other
/// arguments as of search_weight_scales.
graph::QuantParams search_powers_of_two(const Tensor& weight, graph::QuantParams start, float unit,
                                        std::span<const double> importance, std::span<const float> least,
                                        int64_t groups, bool search);

/// The importance of each weight of a layer by that of its input channel; empty for empty.
std::vector<double> importance_of_weights(const Shape& weight, std::span<const double> importance, int64_t groups);

/// The error that search_weight_scales makes least, of one channel's weights: importance of each weight; empty: 1.
double rounding_error(std::span<const float> weights, std::span<const double> importance, float scale,
                      const WeightGrid& grid);

/// The best scale for the integers that weights have at `scale`: sum a w q / sum a q^2; 0 where all are 0.
float refit_scale(std::span<const float> weights, std::span<const double> importance, float scale,
                  const WeightGrid& grid);

}  // namespace quench::quant
