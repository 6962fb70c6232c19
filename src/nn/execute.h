#pragma once

#include <torch/types.h>

#include <vector>

#include "graph/graph.h"
#include "nn/node_tensors.h"
#include "nn/whole_batch.h"

namespace quench::nn {

struct ExecuteOptions {
  bool training = false;
  bool simulate_quantization = true;
  bool fused_kernels = true;
  WeightRounding rounding = {};  ///< of weights, in training mode
  bool engine_silu = false;      ///< of this node: SiLU as the native engine has it before bytes; in evaluation mode
  WholeBatchPtr norms = {};      ///< what batch norms take their statistics over, in training mode; null: what they see
};

/// Runs one node with ATen (under autograd where that is on), its fused activation included. Returns its outputs in
/// order. Quantization of edges is the caller's.
std::vector<torch::Tensor> execute(const graph::Node& node, NodeTensors& weights,
                                   const std::vector<torch::Tensor>& inputs, const ExecuteOptions& options);

/// A batch_norm node by the fused kernel (fused_supported(x) holds), with a silu behind it where asked.
torch::Tensor execute_batch_norm(const graph::Node& node, const NodeTensors& weights, const torch::Tensor& x,
                                 bool training, bool silu, const WholeBatchPtr& norms = {});

}  // namespace quench::nn
