#pragma once

#include <torch/types.h>

#include <vector>

namespace quench::nn {

/// [C] as a tensor that broadcasts along `axis` of a tensor with `dimensions` dimensions; axis -1: [1] as a scalar.
inline torch::Tensor along_axis(const torch::Tensor& values, int axis, int64_t dimensions) {
  if (axis < 0) return values.reshape({});
  std::vector<int64_t> shape(static_cast<size_t>(dimensions), 1);
  shape.at(static_cast<size_t>(axis)) = values.numel();
  return values.view(shape);
}

}  // namespace quench::nn
