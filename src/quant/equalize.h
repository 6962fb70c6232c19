#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace quench::quant {

/// Two layers between which each channel may be scaled: the first divided by s, the second multiplied.
struct EqualPair {
  std::string first, second;
  double before = 0, after = 0;  ///< precision: mean over channels of r1_i / max r1 * r2_i / max r2
};

struct Equalized {
  graph::Graph graph;
  std::vector<EqualPair> pairs;
  std::vector<std::string> left;  ///< pairs that a silu parts, "first -> second": they cannot be equalized exactly
  int64_t rounds = 0;             ///< until no scale moved by more than 1e-3
};

/// Cross-layer equalization (Nagel et al. 2019, 4.1). Where a layer's output reaches one other layer through nothing
/// but relu, max pool, upsample, global average and flatten (all f(s x) = s f(x) for s > 0), channel i of both is given
/// one range:
///
///   s_i = sqrt(r1_i / r2_i);  W1_i, b1_i divided by s_i;  W2 of input i multiplied by s_i
///
/// with r1_i, r2_i the largest |w| of that output and input channel: then r1_i / s_i = r2_i s_i = sqrt(r1_i r2_i).
/// Pairs in order, in rounds until nothing moves. The function of the model stays, but for float rounding. SiLU is not
/// positively homogeneous (silu(s x) != s silu(x)), so pairs that it parts are left as they are, and told. Channels
/// that are zero in one of both stay. Batch norm is folded.
///
/// float_graph: not quantized, else Error{config}.
Equalized equalize(const graph::Graph& float_graph);

}  // namespace quench::quant
