#pragma once

#include <torch/types.h>

namespace quench::train {

/// Objects of a batch, in any order.
struct AlignedTargets {
  torch::Tensor image;  ///< [G] int64
  torch::Tensor label;  ///< [G] int64
  torch::Tensor box;    ///< [G,4] x1 y1 x2 y2, pixels
};

struct AlignmentOptions {
  int64_t top_k = 10;
  double alpha = 0.5;
  double beta = 6.0;
};

/// Predictors that were given a target, one a row.
struct Assignment {
  torch::Tensor image, cell;  ///< [F] int64: the predictor; each at most once
  torch::Tensor target;       ///< [F] int64: its row in AlignedTargets
  torch::Tensor score;        ///< [F] what its class score is to be, in [0,1]
};

/// Task-aligned assignment (Feng et al. 2021, "TOOD", section 3.2), with YOLOv8's settings and details (Ultralytics
/// 8.1.4, behaviour as facts):
///   metric t = s^alpha u^beta of a target and a cell whose centre lies in the target's box (1e-9 inside), s the
///   predicted probability of the target's class, u = max(CIoU, 0) of the predicted and the target's box; else 0;
///   a target takes its top_k cells by t; a cell that several take goes to the target of its image with the largest u;
///   the score of a cell is t / max t * max u, maxima over its target's cells.
/// Cells of metric 0 are left out: their score, hence their weight in every part of the loss, is 0.
///
/// logits: [N,A,C] of the classes; boxes: [N,A,4] x1 y1 x2 y2, pixels; points: [A,2] centres of the cells, pixels; one
/// float type and one device for all. Outside autograd. Works on the pairs of targets and cells inside them, and on
/// matrices [G,A] for the choice.
Assignment assign_task_aligned(const torch::Tensor& logits, const torch::Tensor& boxes, const torch::Tensor& points,
                               const AlignedTargets& targets, const AlignmentOptions& options = {});

}  // namespace quench::train
