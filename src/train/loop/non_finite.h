#pragma once

#include <torch/types.h>

#include <string>

#include "nn/graph_module.h"

namespace quench::train {

/// Names the first tensor that is not finite, for the person who must find the cause: parameters in name order
/// (`parameter model.0.conv.weight`), then running statistics, then gradients, then, in a forward pass over `images`
/// in training mode, the edges in order of computation (`the value of model.0.conv.out`). "nothing but the loss" where
/// all are finite. The pass moves batch-norm statistics: for use when training has failed.
std::string first_non_finite(nn::GraphModule& module, const torch::Tensor& images);

}  // namespace quench::train
