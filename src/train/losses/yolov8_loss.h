#pragma once

#include "train/losses/detect_loss.h"

namespace quench::train {

/// The loss of YOLOv8 (Ultralytics 8.1.4, behaviour as facts), for an anchor-free head. Cells are given targets and
/// scores q by assign_task_aligned(); S = max(1, sum of all q).
///   cls = sum over all cells and classes of the binary cross-entropy with q (0 for other cells and classes) / S;
///   box = sum over given cells of q (1 - CIoU) / S, predicted sides being the expectation of the softmax over reg_max
///         bins;
///   dfl = sum over given cells of q times the mean over sides of -(r - y) log p_l - (y - l) log p_r, / S, with y the
///         side's length in cells, at most reg_max - 1.01, between bins l and r = l + 1 (distribution focal loss, Li et
///         al. 2020, equation 6).
class Yolov8Loss : public DetectCriterion {
 public:
  Yolov8Loss(models::DetectHead head, const LossGains& gains,
             std::shared_ptr<const SharedBatch> shared = std::make_shared<const SharedBatch>());
  DetectLoss operator()(const std::vector<torch::Tensor>& outputs, const torch::Tensor& targets) const override;

 private:
  models::DetectHead head_;
  LossGains gains_;
  std::shared_ptr<const SharedBatch> shared_;
};

}  // namespace quench::train
