#pragma once

#include <vector>

#include "train/losses/detect_loss.h"
#include "train/matching/anchor_matching.h"

namespace quench::train {

/// Weights of the levels' objectness losses, finest first: 4, 1, 0.4 (three levels; else 4, 1, 0.25, 0.06, 0.02).
/// Throws Error{unsupported} for more than five.
std::vector<double> yolov5_level_balance(size_t levels);
/// Gains scaled as the original's: box by 3 / levels, cls by classes / 80 * 3 / levels, obj by pixels / 640^2 * 3 /
/// levels. pixels: of the input.
LossGains yolov5_gains(const LossGains& given, size_t levels, int64_t classes, double pixels);

/// The loss of YOLOv5 (Jocher, release 7.0; behaviour as facts), for a head with anchors. Per level, over its matches
/// (match_anchors, ratio 4):
///   box = mean(1 - CIoU), with centre 2 s(t) - 0.5 in cells, size (2 s(t))^2 anchor, s the logistic function;
///   cls = mean binary cross-entropy of all classes (none where there is one class);
///   obj = mean binary cross-entropy of all cells and anchors, whose target is max(CIoU, 0) (constant) where matched
///         and 0 elsewhere.
/// Levels are added, obj with yolov5_level_balance; gains are scaled by yolov5_gains.
class Yolov5Loss : public DetectCriterion {
 public:
  Yolov5Loss(models::DetectHead head, const LossGains& gains,
             std::shared_ptr<const SharedBatch> shared = std::make_shared<const SharedBatch>());
  DetectLoss operator()(const std::vector<torch::Tensor>& outputs, const torch::Tensor& targets) const override;

 private:
  struct Parts {
    torch::Tensor box, obj, cls;  ///< undefined: nothing matched
  };
  /// of_matches: the matches that are here as a part of the whole batch's.
  Parts level_parts(const torch::Tensor& output, const std::vector<AnchorMatch>& matches, size_t level,
                    double of_matches) const;

  models::DetectHead head_;
  LossGains gains_;
  std::shared_ptr<const SharedBatch> shared_;
  std::vector<std::vector<std::array<float, 2>>> anchors_;  ///< by level, in cells
  std::vector<double> balance_;
};

}  // namespace quench::train
