#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/tensor.h"
#include "runtime/native/wide_depth.h"

namespace quench::runtime::native {

/// Float weights in 16 bits: weight[o, i] ~ scale[o] * values[o * I + i], off by half of a scale.
struct WideWeights {
  std::vector<int16_t> values;  ///< [O, I]
  std::vector<float> scale;     ///< [O]
};

/// The float weights [O, I, 1, 1] of a layer that reads bytes, as integers whose products with bytes add up within 32
/// bits: at most 32,767, and for each channel 255 x the sum of their sizes below 2^31. Empty where the layer is better
/// left in floats: more than kMostWideDepth inputs, a weight that is not finite, a channel that would keep fewer than
/// 15 bits, or at least a quarter of zeros, which kernels of floats can skip.
std::optional<WideWeights> wide_weights(const Tensor& weight);

}  // namespace quench::runtime::native
