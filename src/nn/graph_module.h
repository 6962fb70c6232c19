#pragma once

#include <torch/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "nn/qat_options.h"
#include "nn/whole_batch.h"

namespace quench::nn {

/// Called with every edge's value (detached) while a module runs; for calibration.
using EdgeHook = std::function<void(graph::EdgeId, const torch::Tensor&)>;

struct ModuleOptions {
  torch::Device device = torch::kCPU;
  bool channels_last = true;
  bool fused_kernels = true;  ///< batch norm + silu as one vectorized pass on CPU (exact gradients)
  /// Where the module sees shares of batches. The sum of its gradients over all processes is that of the whole batch.
  WholeBatchPtr whole_batch = {};
};

/// A weight that is rounded while it trains.
struct RoundedWeight {
  std::string name;         ///< `<node>.weight`
  torch::Tensor leaf;       ///< that trains
  torch::Tensor unrounded;  ///< what is rounded: the leaf, or its DoReFa transform (differentiable)
  torch::Tensor scale;      ///< detached, of a shape that broadcasts along it; with groups times their factors
  int64_t q_max = 0;        ///< integers, or codes, lie in [-q_max, q_max]
};

/// Runs a Graph under LibTorch autograd. Parameters are leaf tensors named as the Graph's weights.
///
/// Quantization is simulated where the Graph says so: an edge with `quant` passes a fake-quantize, a float weight with
/// `quant` likewise (straight-through gradients, Bengio et al. 2013), an integer weight is dequantized. Scales of
/// weights are the Graph's. Once in training mode they follow the weights (max_abs_scales of the present values), but
/// for Graphs that say graph::has_fixed_weight_scales. With learn(), scales of edges and weights can be parameters too
/// (qat_options.h).
class GraphModule {
 public:
  explicit GraphModule(graph::Graph graph, ModuleOptions options = {});
  ~GraphModule();
  GraphModule(GraphModule&&) noexcept;
  GraphModule& operator=(GraphModule&&) noexcept;

  /// x: [N,3,H,W] float32 in [0,1] (any memory format), or uint8 (converted here). Returns outputs in graph order, then
  /// the values of `also`, quantized where the edge is. Throws Error{internal} for an edge that has no value of its
  /// own: between a batch norm and its silu.
  std::vector<torch::Tensor> forward(const torch::Tensor& x, const std::vector<graph::EdgeId>& also = {});

  /// Training mode: batch norm uses and updates batch statistics. Off at first.
  void train(bool on);
  bool training() const;
  /// Whether fake-quantization runs (on at first).
  void simulate_quantization(bool on);
  /// Makes scales of per-tensor quantized edges (not the input, nor shared constants) trainable, as options.activations
  /// says (LSQ where learn() was not called).
  void learn_ranges(bool on);
  /// Keeps the first `rows` rows of the model (nodes `model.0.` to `model.<rows - 1>.`) as they are: their weights,
  /// biases and weight scales do not train, and their batch norms use their statistics and leave them, also in training
  /// mode. Learned ranges of activations go on. Once, after learn(). Throws Error{config} where no row is left to
  /// train.
  void freeze(int64_t rows);
  /// Says how quantizers train. Once, before training mode. Throws Error{config} for what this Graph cannot have:
  /// quantizers of weights or activations where it has none, LSQ+ on symmetric activations, PACT on values that can be
  /// negative, a correction of weights with one scale for several channels.
  void learn(const QatOptions& options);
  /// Which step of the training the next pass belongs to: stochastic rounding draws by it.
  void at_step(int64_t step);
  /// Weights that are rounded, in the Graph's order.
  std::vector<RoundedWeight> rounded_weights() const;

  /// Trainable tensors in weight-name order, so without those of a layer that normalises the input; learned ranges of
  /// edges come as `<edge>.scale`, `<edge>.offset`, `<edge>.alpha`, learned scales of weights as `<node>.weight.scale`,
  /// factors of a correction as `<node>.correction.scale`.
  std::map<std::string, torch::Tensor> parameters() const;
  /// Batch-norm running statistics.
  std::map<std::string, torch::Tensor> buffers() const;
  void set_edge_hook(EdgeHook hook);

  /// The Graph with the current values written back (weights and their scales, statistics, learned scales of edges).
  graph::Graph graph() const;
  const torch::Device& device() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Host tensor -> LibTorch tensor (copy) and back (float32, uint8, int8, int32, int64; made contiguous).
torch::Tensor to_torch(const quench::Tensor& tensor);
quench::Tensor to_host(const torch::Tensor& tensor);

}  // namespace quench::nn
