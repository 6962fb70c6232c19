#pragma once

#include <torch/types.h>

#include <functional>
#include <optional>
#include <vector>

#include "data/loading/loader.h"
#include "nn/graph_module.h"

namespace quench::bits {

/// Gradients of a module's parameters over many batches, of which some are looked at side by side, each by a copy of
/// the module in one thread. They are added batch by batch, in order, as one thread alone adds them: so the sum
/// depends, to the last bit, on nothing but the batches.
class SideBySide {
 public:
  /// module: of that graph; its parameters are those of the copies too. It must outlive this.
  SideBySide(nn::GraphModule& module, const graph::Graph& graph, size_t copies);

  /// The next batch; nothing at the end.
  using Next = std::function<std::optional<data::Batch>()>;
  /// A batch's loss, by copy number `worker`.
  using LossOf = std::function<torch::Tensor(nn::GraphModule& copy, const data::Batch& batch, size_t worker)>;

  /// Adds each batch's gradient to those of the module's parameters. Call it with LibTorch at one thread
  /// (nn::IntraOpThreads). Throws what the functions throw.
  void add_gradients(const Next& next, const LossOf& loss);

 private:
  nn::GraphModule& module_;
  std::vector<nn::GraphModule> copies_;
};

}  // namespace quench::bits
