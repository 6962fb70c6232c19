#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace quench::runtime::native {

/// Float weights as they are, integers as (q - zero_point) * scale, f32.
Tensor float_weight(const graph::Weight& weight);

/// What an integer convolution or linear layer multiplies and adds.
struct IntegerWeights {
  Tensor weight;             ///< i8, -127 .. 127, of the weight's shape [O, ...]
  std::vector<float> scale;  ///< [O]
  Tensor bias;               ///< i32 [O], in steps of in_scale * scale; 0 where there is none
};

/// in_scale: of the layer's input. A bias in other steps is rounded to these. Throws Error{unsupported} naming the node
/// for weights that are not int8 with zero points 0, for -128 (two products would not fit 16 bits), and for sums that
/// can leave int32.
IntegerWeights integer_weights(const graph::Weight& weight, const graph::Weight* bias, float in_scale,
                               const std::string& node);

}  // namespace quench::runtime::native
