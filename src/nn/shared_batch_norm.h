#pragma once

#include <torch/types.h>

#include <vector>

#include "nn/fused.h"
#include "nn/whole_batch.h"

namespace quench::nn {

/// What autograd keeps of a pass so that its way back sums over the same processes.
c10::IValue kept(const WholeBatchPtr& whole);
/// Null where none was kept.
WholeBatchPtr taken(const c10::IValue& value);

/// Mean and biased variance of each channel over the whole batch, from those of this process's share, in place, by one
/// sum: n, n mean and n (variance + mean^2), in double. Returns the number of values a channel, of all.
int64_t whole_moments(const WholeBatch& whole, int64_t rows, std::vector<double>& mean, std::vector<double>& variance);

/// batch_norm in training mode, with the statistics of the whole batch, of any [N,C,...] on any device by LibTorch's
/// operators: for what the fused kernel does not take. Gradients of weight and bias are those of the share: their sum
/// over all processes is that of the whole batch. Running statistics move as with at::batch_norm.
torch::Tensor shared_batch_norm(const torch::Tensor& x, const BatchNormTensors& tensors, double momentum,
                                double epsilon, const WholeBatchPtr& whole);

}  // namespace quench::nn
