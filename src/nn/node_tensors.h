#pragma once

#include <torch/types.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"
#include "nn/graph_module.h"

namespace quench::nn {

/// One weight as LibTorch uses it. `tensor` is the leaf (float weights) or the dequantized constant (integer weights).
struct WeightTensor {
  torch::Tensor tensor;
  std::optional<graph::QuantParams> simulate;  ///< where set, fake-quantized at each use, at `scale`
  torch::Tensor scale;                         ///< float32 [1] or [C]: that of the Graph, or what follow() gave
  bool covered = false;                        ///< `scale` comes from the present values: nothing is clamped
  uint32_t scale_version = 0;                  ///< of `tensor` when `scale` was made
  torch::Tensor cached;                        ///< fake-quantized value of evaluation mode
  uint32_t cached_version = 0;                 ///< of `tensor` when `cached` was made

  bool defined() const { return tensor.defined(); }
  /// The value to compute with. In evaluation without gradients the fake-quantized value is kept until the weight
  /// changes (its version counter moves) or `cached` is reset.
  torch::Tensor value(bool simulate_quantization, bool training);
  /// Takes scales from the present values (max_abs_scales); bias and input_scale as there.
  void follow(const torch::Tensor& bias, const torch::Tensor& input_scale);
};

/// The weights of one node, by role; undefined where the node has none.
struct NodeTensors {
  WeightTensor weight, bias, running_mean, running_var;

  /// By a name of graph::WeightRole.
  WeightTensor& of(std::string_view role);
};

/// All weights of a Graph on a device. parameters: float weights of conv, linear and batch_norm (leaves that require
/// gradients); buffers: running statistics.
struct WeightStore {
  std::vector<NodeTensors> nodes;  ///< as graph.nodes
  std::map<std::string, torch::Tensor> parameters;
  std::map<std::string, torch::Tensor> buffers;
};

/// Copies the Graph's weights to the device. conv weights are channels-last where options say so.
/// Throws Error{data} for a missing weight or a wrong dtype.
WeightStore load_weights(const graph::Graph& graph, const ModuleOptions& options);
/// Those of one node.
NodeTensors load_node(const graph::Graph& graph, const graph::Node& node, const ModuleOptions& options);

}  // namespace quench::nn
