#pragma once

#include <torch/types.h>

namespace quench::train {

// Divergences that distillation is made of. Of each the gradient goes to the student alone; equal arguments give 0.
// Computed in float32 (float64 where the student's values are), times the temperature's square, which keeps gradients
// of one size whatever the temperature (Hinton et al. 2015, section 2).

/// Kullback-Leibler divergence T^2 sum_k p_k (log p_k - log q_k) over the last dimension, p = softmax(teacher / T),
/// q = softmax(student / T). student, teacher: logits [..,K]; returns [..].
torch::Tensor softened_divergence(const torch::Tensor& student, const torch::Tensor& teacher, double temperature);

/// The same of single yes-or-no logits: T^2 (p log(p / q) + (1 - p) log((1 - p) / (1 - q))) with logistic functions p,
/// q of teacher / T, student / T; of the arguments' shape.
torch::Tensor binary_divergence(const torch::Tensor& student, const torch::Tensor& teacher, double temperature);

/// Channel-wise distillation of feature maps (CWD, Shu et al. 2021, equations 2 and 3): every channel's map becomes a
/// distribution over places; T^2 / C sum_c KL, mean over the batch. student, teacher: [N,C,H,W] alike. A scalar.
torch::Tensor channel_divergence(const torch::Tensor& student, const torch::Tensor& teacher, double temperature);

}  // namespace quench::train
