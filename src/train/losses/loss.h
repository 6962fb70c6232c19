#pragma once

#include <torch/types.h>

#include "data/loading/loader.h"

namespace quench::train {

/// Targets of a batch, [N,classes] float32 on the CPU, rows sum to 1. Image i has
/// t = lambda[i] * one_hot(labels[i]) + (1 - lambda[i]) * one_hot(labels_b[i]) (mixup, Zhang et al. 2018, eq. 1;
/// lambda = 1 where nothing was mixed), then label smoothing: (1 - smoothing) * t + smoothing / classes
/// (Szegedy et al. 2016, section 7). Throws Error{data} for a label outside 0..classes-1.
torch::Tensor soft_targets(const data::Batch& batch, int64_t classes, double smoothing);

/// Mean over images of -sum_k target_k * log_softmax(logits)_k, times `share`. logits, targets: [N,classes] on one
/// device; computed in float32. A scalar, differentiable by logits.
torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets, double share = 1);

}  // namespace quench::train
