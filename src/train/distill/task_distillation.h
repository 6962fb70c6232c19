#pragma once

#include <torch/types.h>

#include <memory>
#include <vector>

#include "graph/graph.h"
#include "train/distill/distill_settings.h"
#include "train/loop/fit_settings.h"

namespace quench::train {

/// How two models of a task are compared.
class TaskDistillation {
 public:
  virtual ~TaskDistillation() = default;
  /// Loss of the student's outputs against the teacher's, a scalar: mean over the images as the task's Objective has
  /// it, or this process's share of it, differentiable by the student's. 0 where both are equal.
  virtual torch::Tensor outputs_loss(const std::vector<torch::Tensor>& student,
                                     const std::vector<torch::Tensor>& teacher) const = 0;
};

/// That of the student's task. Throws Error{config} for a teacher of another task or input size, or one whose outputs
/// do not say the same (where outputs are compared) or have other strides.
std::unique_ptr<TaskDistillation> make_task_distillation(const graph::Graph& student, const graph::Graph& teacher,
                                                         const DistillSettings& distill, const FitSettings& settings);

}  // namespace quench::train
