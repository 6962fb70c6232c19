#pragma once

#include <torch/types.h>

#include <cstdint>

#include "graph/graph.h"
#include "nn/graph_module.h"

namespace quench::quant {

/// Squared gradients of a classifier's loss at an edge, value by value and image by image: the diagonal of the Fisher
/// information by which BRECQ weighs errors there (Li et al. 2021, equation 10). No labels are needed: the information
/// of scores z with p = softmax(z) is S = diag(p) - p p^T, the expectation of the squared gradient of a cross-entropy
/// over classes that are drawn by p, and with J = dz / dvalue the diagonal of J^T S J is wanted. (The divergence
/// KL(p || q) is of no use: its gradient is 0 where q is p.)
///
/// It is estimated as Hutchinson does, the mean over draws of (J^T xi)^2, xi = sqrt(p) e - p sum(sqrt(p) e), e of +1
/// and -1, whose covariance is S. A drawn class in place of xi has the same mean, but hardly ever is an unlikely one,
/// and then counts for all.
///
/// module: a float model of one output, scores [N,classes]. pixels: [N,3,H,W]. The draws of image i of the batch are
/// those of (seed, first + i), the same ones at every edge. Returns a tensor of the edge's shape. Throws
/// Error{unsupported} for other outputs (detectors').
torch::Tensor squared_gradients(nn::GraphModule& module, graph::EdgeId edge, const torch::Tensor& pixels, uint64_t seed,
                                int64_t first, int64_t draws = 4);

}  // namespace quench::quant
