#pragma once

#include <torch/types.h>

#include "nn/whole_batch.h"

namespace quench::nn {

/// Whether fused kernels take this value: dense float32 on CPU, channels-last where it has four dimensions.
bool fused_supported(const torch::Tensor& x);

struct BatchNormTensors {
  torch::Tensor weight, bias, running_mean, running_var;
};

/// batch_norm, then silu where asked, as one pass over x ([N,C,H,W] for which fused_supported holds) and one autograd
/// node that saves x alone. The same values and gradients as at::batch_norm and at::silu up to rounding. Training uses
/// the batch's statistics and moves the running ones (mean and unbiased variance, share `momentum`), as LibTorch does.
/// whole: where it is not null, the statistics are those of the batch that x is a share of; the gradients of weight and
/// bias are the share's, whose sum over all processes is the batch's.
torch::Tensor fused_batch_norm(const torch::Tensor& x, const BatchNormTensors& tensors, bool training, double momentum,
                               double epsilon, bool silu, const WholeBatchPtr& whole = {});

/// x * sigmoid(x) for which fused_supported holds.
torch::Tensor fused_silu(const torch::Tensor& x);
/// In place, without autograd.
torch::Tensor fused_silu_(torch::Tensor x);

/// SiLU as the native engine has it between a convolution's sum and bytes (kernels/flat.h), of any float tensor,
/// without autograd.
torch::Tensor engine_silu(const torch::Tensor& x);

}  // namespace quench::nn
