#pragma once

#include <torch/types.h>

#include "graph/graph.h"

namespace quench::nn {

/// The factors of a weight's groups (graph/weight_groups.h), float32 [O,I,1,...], which broadcasts along the weight
/// [O,I,...], on its device.
inline torch::Tensor group_factor_tensor(const graph::QuantParams& params, const torch::Tensor& weight) {
  std::vector<int64_t> shape(static_cast<size_t>(weight.dim()), 1);
  shape.at(0) = weight.size(0);
  shape.at(1) = weight.size(1);
  const torch::Tensor factors = torch::tensor(params.group_factors).to(torch::kFloat).view({weight.size(0), -1});
  return factors.repeat_interleave(params.group_size, 1)
      .narrow(1, 0, weight.size(1))
      .contiguous()
      .view(shape)
      .to(weight.device());
}

}  // namespace quench::nn
