#pragma once

#include <torch/types.h>

#include <functional>
#include <memory>

namespace quench::nn {

/// What lets a module that sees a share of a batch, as each of several processes does, train as if it saw all of it.
struct WholeBatch {
  /// Replaces the values of a dense tensor (float or double) by their sums over all processes, in place. All call it in
  /// the same order.
  std::function<void(const torch::Tensor&)> sum;
  int processes = 1;
  /// Batch norms take the statistics of the whole batch (synchronized batch norm); else those of the share.
  bool norms = true;
};

/// Null: the module sees whole batches.
using WholeBatchPtr = std::shared_ptr<const WholeBatch>;

}  // namespace quench::nn
