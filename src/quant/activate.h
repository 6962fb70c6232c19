#pragma once

#include <torch/types.h>

#include "graph/graph.h"

namespace quench::quant {

/// The activation of every value, as a new tensor; of `none` the values themselves.
torch::Tensor activate(const torch::Tensor& values, graph::Activation activation);

}  // namespace quench::quant
