#pragma once

#include <span>
#include <string>

#include "graph/graph.h"

namespace quench::quant {

/// How scales and levels of weights are chosen: settings `weights`, `weight_scales`, `levels` and `group_size` of
/// config::quantize_options().
struct WeightRule {
  int axis = 0;                    ///< 0: one scale an output channel; -1: one for the tensor
  std::string scales = "max_abs";  ///< max_abs, mse or output_mse
  std::string levels = "uniform";  ///< uniform, pot, apot or kmeans (quant/level_sets.h)
  bool power_of_two = false;       ///< scales are powers of two (quant/power_of_two.h)
  int64_t group_size = 0;          ///< inputs that share a factor of the scale (quant/group_factors.h); 0: none
};

/// What rounds a layer's weights to so many bits: the scales that cover them, or the ones of least squared error
/// (quant/weight_scale_search.h), levels, where these are not uniform at that width, and factors of groups, where the
/// width has some. node: a layer with float
/// weights whose input edge is quantized. mean_squares: of the channels that it reads, looked at for output_mse alone.
/// Throws Error{internal} for an input that is not quantized.
graph::QuantParams weight_params(const graph::Graph& graph, const graph::Node& node, int bits, const WeightRule& rule,
                                 std::span<const double> mean_squares = {});

}  // namespace quench::quant
