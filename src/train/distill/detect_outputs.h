#pragma once

#include <torch/types.h>

#include <vector>

#include "models/detect_head.h"
#include "train/losses/detect_loss.h"

namespace quench::train {

/// Distillation of a detector's raw outputs, with the gains of the loss of its labels. student, teacher: raw outputs as
/// models::DetectHead describes them, alike in shape. A scalar; the gradient goes to the student.
///
/// Anchor-free (YOLOv8), over all cells of the batch, with w the largest of a cell's class scores by the teacher and
/// S = max(1, sum of w):
///   class: sum of binary_divergence over cells and classes / S, gain `cls`;
///   box: sum of w times the mean over the four sides of softened_divergence over the reg_max bins / S, gain `dfl`
///        (localization distillation, Zheng et al. 2022, equation 4).
///
/// Anchors (YOLOv5), of each level, with o the teacher's objectness and S = max(1, sum of o) (objectness-scaled
/// distillation, Mehta & Ozturk 2018, equations 3 to 5):
///   objectness: mean of binary_divergence, weighted as the levels of Yolov5Loss, gain `obj`;
///   class: sum of o times the mean over classes of binary_divergence / S, gain `cls` (none where there is one class);
///   box: sum of o times the mean of the four squared differences of centre (in cells) and size (in anchors) / S, gain
///        `box`.
/// Levels are added; gains are scaled as Yolov5Loss does. shared: the batch that the outputs are of, or a share of.
torch::Tensor detect_outputs_loss(const models::DetectHead& head, const LossGains& gains, double temperature,
                                  const std::vector<torch::Tensor>& student, const std::vector<torch::Tensor>& teacher,
                                  const SharedBatch& shared = SharedBatch());

}  // namespace quench::train
