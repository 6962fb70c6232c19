#pragma once

#include <cstdint>
#include <optional>

namespace quench::nn {

/// What scales of quantized weights do while the weights train: they cover the present values (max_abs_scales), stay,
/// or are parameters themselves (LSQ: Esser et al. 2020).
enum class WeightRanges { follow, frozen, learned };

/// How ranges of activations train: a scale (LSQ: Esser et al. 2020), a scale and an offset (LSQ+: Bhalgat et al.
/// 2020), or the upper end of values that are not negative (PACT: Choi et al. 2018).
enum class ActivationQuantizer { lsq, lsq_plus, pact };

/// What is rounded: the weight, or its tanh transform (DoReFa: Zhou et al. 2016).
enum class WeightQuantizer { uniform, dorefa };

/// How a module trains with its quantizers. The defaults are what a module does that was told nothing.
struct QatOptions {
  bool learn_activations = false;  ///< ranges of edges are parameters
  ActivationQuantizer activations = ActivationQuantizer::lsq;
  std::optional<WeightRanges> weight_ranges = {};  ///< nothing: as the Graph says (graph::has_fixed_weight_scales)
  WeightQuantizer weights = WeightQuantizer::uniform;
  double ewgs_delta = 0;             ///< element-wise gradient scaling (Lee et al. 2021); 0: straight-through
  bool stochastic_rounding = false;  ///< of weights, in training mode
  uint64_t seed = 0;                 ///< of stochastic rounding
  /// A scale and a bias for each output channel of layers with quantized weights are all that trains (Gupta & Asthana
  /// 2023).
  bool correction = false;
};

}  // namespace quench::nn
