#pragma once

#include <torch/types.h>

#include <functional>
#include <vector>

#include "core/cancel.h"
#include "core/tensor.h"
#include "graph/graph.h"

namespace quench::quant {

/// Runs a quantized Graph node by node, each over all images before the next one begins: a layer can be changed when
/// its inputs are known, and what stands behind it sees the change. A whole walk costs one pass over the images.
/// Values are kept while something still reads them: a byte each where they are quantized to a fixed range, else
/// float32.
class LayerWalk {
 public:
  /// Called before each convolution and linear layer runs; it may change the layer's weights in the Graph.
  using AtLayer = std::function<void(const graph::Node&)>;

  /// graph: with float weights (quant::with_float_weights of a converted one). images: uint8 [N,S,S,3] a batch. Both
  /// must outlive the walk.
  LayerWalk(graph::Graph& graph, const std::vector<Tensor>& images);

  /// Once. Throws Error{cancelled}.
  void run(const AtLayer& at, const CancelToken& cancel);

  size_t batches() const { return images_.size(); }
  /// Within AtLayer: what the layer reads of a batch, as the quantized model has it.
  torch::Tensor input(const graph::Node& node, size_t batch) const;
  /// Within AtLayer: what it makes of that with its present weights, before an activation and before its output is
  /// quantized.
  torch::Tensor output(const graph::Node& node, size_t batch) const;

 private:
  /// One value of a batch.
  struct Stored {
    torch::Tensor values;  ///< steps above the least one (uint8), or the values themselves
    float scale = 0;       ///< 0: values themselves
    int64_t low = 0;       ///< the least step

    torch::Tensor get() const;
  };
  Stored store(graph::EdgeId edge, const torch::Tensor& value) const;

  graph::Graph& graph_;
  const std::vector<Tensor>& images_;
  std::vector<std::vector<Stored>> values_;  ///< of each edge, of each batch
};

/// One node of the Graph, with its present weights, on values of its inputs; its fused activation included unless
/// `bare`. Outputs are not quantized. engine_silu: what nn::silus_of_sums says of the node.
std::vector<torch::Tensor> run_node(const graph::Graph& graph, const graph::Node& node,
                                    const std::vector<torch::Tensor>& inputs, bool bare = false,
                                    bool engine_silu = false);

}  // namespace quench::quant
