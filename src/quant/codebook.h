#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graph/graph.h"

namespace quench::quant {

/// The best levels for weights, in steps: of all sets of `count` integers in [-127,127] that have 0 in them, so that
/// what is 0 stays 0, the one of least
///
///   sum_j a_j min_l (v_j - l)^2
///
/// which is k-means in one dimension (Han et al. 2016, equation 2) with centres on int8, where it is exact: found by
/// dynamic programming over the integers (Wang & Song 2011 do so over the values), not by Lloyd's rounds. Ascending.
///
/// steps: v_j = w_j / scale, finite. importance: a_j >= 0; empty: 1. count: 2 to 255.
std::vector<int8_t> best_levels(std::span<const float> steps, std::span<const double> importance, int64_t count);

/// A codebook of 2^bits levels for a layer, over the channels' scales: that of least squared error of the weights. With
/// `search` the scales are looked for, too: by turns the levels, and for each channel the best scale of the integers
/// that it has, from two starts (scales that cover the weights, and scales that give each channel one mean square),
/// while the error falls.
///
/// weight: float32 [O,I/groups,...]. start: its scales, zero points, axis and bits. importance, least, groups: as
/// search_weight_scales().
graph::QuantParams with_codebook(const Tensor& weight, graph::QuantParams start, std::span<const double> importance,
                                 std::span<const float> least, int64_t groups, bool search);

}  // namespace quench::quant
