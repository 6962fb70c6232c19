#pragma once

#include <torch/types.h>

#include <memory>
#include <vector>

#include "models/detect_head.h"
#include "train/loop/shared_batch.h"

namespace quench::train {

/// Weights of the parts of a detection loss.
struct LossGains {
  double box = 0;
  double obj = 0;  ///< YOLOv5
  double cls = 0;
  double dfl = 0;              ///< YOLOv8
  double label_smoothing = 0;  ///< YOLOv5: class targets are 1 - s / 2 and s / 2. YOLOv8 has none: not used
};

/// What the originals train with: YOLOv5 (release 7.0, from scratch) 0.05, 1, 0.5; YOLOv8 box 7.5, cls 0.5, dfl 1.5.
LossGains default_gains(const models::DetectHead& head);

/// The loss of one batch, or this process's share of it. Parts are scalars with their gains applied, detached; 0 where
/// the head has no such part.
struct DetectLoss {
  torch::Tensor total;  ///< (box + obj + cls + dfl) * images (those here): differentiable; what is backpropagated
  torch::Tensor box, obj, cls, dfl;
};

/// A detection loss. Plain settings inside: calls do not depend on one another.
class DetectCriterion {
 public:
  virtual ~DetectCriterion() = default;
  /// outputs: a detector's raw outputs as models::DetectHead describes them (float32, float16 or float64; any memory
  /// format, any device; any height and width of whole cells). targets: [M,6] as detect_targets() makes them; M may be
  /// 0. Computes in float32 (float64 where the outputs are). Throws Error{data} for outputs that do not fit the head,
  /// or targets outside the batch or the classes.
  virtual DetectLoss operator()(const std::vector<torch::Tensor>& outputs, const torch::Tensor& targets) const = 0;
};

/// The loss that belongs to the head: YOLOv5's where it has anchors, else YOLOv8's. Throws Error{config} for negative
/// gains, Error{unsupported} for a head that the loss has no constants for. shared: the batch that its calls are of.
std::unique_ptr<DetectCriterion> make_criterion(
    const models::DetectHead& head, const LossGains& gains,
    std::shared_ptr<const SharedBatch> shared = std::make_shared<const SharedBatch>());

/// The type to compute in: float64 where `t` is, else float32.
at::ScalarType working_type(const torch::Tensor& t);

/// Throws Error{data} unless outputs are as the head describes, of one batch, device and type.
void check_outputs(const models::DetectHead& head, const std::vector<torch::Tensor>& outputs);

}  // namespace quench::train
