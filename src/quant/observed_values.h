#pragma once

#include <torch/types.h>

#include <span>
#include <vector>

#include "quant/placement.h"

namespace quench::quant {

/// What calibration looks at: the values that edges bring into the groups of a placement.
struct ObservedGroups {
  std::vector<int> group_of;      ///< of each edge, the group that it brings values into; -1: none
  std::vector<bool> before_silu;  ///< of each group: its values are read by silu alone (make_observer)
};
ObservedGroups observed_groups(const Placement& placement);

/// The values of a tensor in whatever order they lie in memory, for an observer. held: keeps them alive. Throws
/// Error{data} for values so large that no model of ours could have them; what is not finite, observers refuse.
std::span<const float> observed_values(const torch::Tensor& value, torch::Tensor& held);

}  // namespace quench::quant
