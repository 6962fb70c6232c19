#pragma once

#include <torch/types.h>

#include <cstdint>

#include "graph/graph.h"
#include "nn/graph_module.h"

namespace quench::quant {

/// Squared gradients of a classifier's loss at an edge, value by value and image by image: the diagonal of the Fisher
/// information by which BRECQ weighs errors there (Li et al. 2021, equation 10). The loss is the cross-entropy with a
/// class that is drawn from the model's own scores p = softmax(outputs), which is what the Fisher information is an
/// expectation of, and needs no labels. Against p itself it would be of no use: the gradient of KL(p || q) is 0 where
/// q is p.
///
/// module: a float model of one output, scores [N,classes]. pixels: [N,3,H,W]. The class of image i of the batch is
/// drawn by (seed, first + i), so that every edge is weighed by the same ones. Returns a tensor of the edge's shape.
/// Throws Error{unsupported} for other outputs (detectors').
torch::Tensor squared_gradients(nn::GraphModule& module, graph::EdgeId edge, const torch::Tensor& pixels, uint64_t seed,
                                int64_t first);

}  // namespace quench::quant
