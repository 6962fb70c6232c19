#pragma once

#include <torch/types.h>

#include <map>
#include <optional>
#include <vector>

#include "graph/graph.h"
#include "graph/links.h"
#include "nn/node_tensors.h"

namespace quench::bits {

/// What is different in a model: one layer's weights, and how values are rounded.
struct Change {
  size_t layer = 0;                         ///< index of its node
  nn::NodeTensors weights;                  ///< in place of the layer's own
  std::optional<graph::QuantParams> reads;  ///< what the layer reads is rounded so, for it alone
  std::map<graph::EdgeId, std::optional<graph::QuantParams>> edges = {};  ///< edges that are rounded otherwise, or not
};

/// A model on some images, with the values of all its edges, so that a change of it costs no more than what stands
/// behind the change.
class ChangedRun {
 public:
  /// graph: folded; float, or quantized with float weights. pixels: uint8 [N,3,S,S]. Both, and the store, which is of
  /// the graph, must outlive it.
  ChangedRun(const graph::Graph& graph, nn::WeightStore& weights, const torch::Tensor& pixels);

  /// The graph's outputs, in order, as the model is.
  std::vector<torch::Tensor> outputs() const { return outputs_of(values_); }
  /// And under a change: nodes that it does not reach keep their values.
  std::vector<torch::Tensor> outputs(Change& change) const;

 private:
  std::vector<torch::Tensor> outputs_of(const std::vector<torch::Tensor>& values) const;

  /// Whether a node's SiLU is the native engine's under a change: not where the layer before it is changed (it is in
  /// float then), nor where its result is not rounded.
  bool has_engine_silu(size_t node, const Change& change) const;

  const graph::Graph& graph_;
  graph::Links links_;
  std::vector<bool> engine_silu_;  ///< nn::silus_of_sums
  nn::WeightStore& weights_;
  std::vector<torch::Tensor> values_;  ///< of each edge, rounded where it is quantized
};

}  // namespace quench::bits
