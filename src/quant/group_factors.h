#pragma once

#include <cstdint>
#include <span>

#include "graph/graph.h"

namespace quench::quant {

/// The largest factor that is chosen for codes of so many bits: 15, which 4 bits hold, or what an int8 has room for (8
/// at 5 bits).
int64_t largest_factor(int bits);

/// Whether a layer gets groups: at 2 to 5 bits, where it has more inputs than a group, or one scale for all outputs
/// (axis -1). Else its only group is the channel, whose scale serves it already.
bool takes_groups(int bits, int axis, const Shape& weight, int64_t group_size);

/// Two levels of scales (VS-Quant: Dai et al. 2021, section 4.4), w ~ s f code with integer factors f in [1,F] of the
/// groups (graph/weight_groups.h), F = largest_factor. Deviations: the paper's vectors are inputs at one place of the
/// kernel, here all places share the factor of their inputs; it rounds factors to the nearest integer, here up, so that
/// nothing is clamped.
///
/// Without `search`, Q the largest code: s is the scale of `start`, which covers the weights, over F, so that the group
/// of the largest weight has F; f = ceil(max|w| / (s Q)). With it s and all f of each channel (or of the tensor) have
/// the least squared error that is found:
///
///   sum_j a_j (w_j - s f clamp(round(w_j / (s f)), -Q, Q))^2
///
/// For a scale each factor is the best of all. Scales are searched over 60 steps from the one above down to a quarter
/// of it and 40 around the best; from there, by turns, the best scale for the integers, sum a w q / sum a q^2, and the
/// best factors for the scale, while the error falls. So never worse than without search.
///
/// weight: float32 [O,I/groups,...]. start: uniform parameters of its bits. importance, least, groups: as of
/// search_weight_scales().
graph::QuantParams with_group_factors(const Tensor& weight, graph::QuantParams start, int64_t group_size,
                                      std::span<const double> importance, std::span<const float> least, int64_t groups,
                                      bool search);

}  // namespace quench::quant
