#include "core/error.h"
#include "models/detect_head.h"
#include "train/distill/detect_outputs.h"
#include "train/distill/task_distillation.h"
#include "train/loop/detect_gains.h"

namespace quench::train {
namespace {

class DetectDistillation : public TaskDistillation {
 public:
  DetectDistillation(models::DetectHead head, const LossGains& gains, double temperature,
                     std::shared_ptr<const SharedBatch> shared)
      : head_(std::move(head)), gains_(gains), temperature_(temperature), shared_(std::move(shared)) {}
  torch::Tensor outputs_loss(const std::vector<torch::Tensor>& student,
                             const std::vector<torch::Tensor>& teacher) const override {
    return detect_outputs_loss(head_, gains_, temperature_, student, teacher, *shared_);
  }

 private:
  models::DetectHead head_;
  LossGains gains_;
  double temperature_;
  std::shared_ptr<const SharedBatch> shared_;
};

}  // namespace

std::unique_ptr<TaskDistillation> detect_distillation(const graph::Graph& student, const graph::Graph& teacher,
                                                      const DistillSettings& distill, const FitSettings& settings) {
  models::DetectHead own = models::detect_head(student);
  const models::DetectHead others = models::detect_head(teacher);
  if (own.strides != others.strides) {
    fail(ErrorKind::config, "[train.distill] expected a teacher of strides {}, got {}", to_string(Shape(own.strides)),
         to_string(Shape(others.strides)));
  }
  if (own.class_count() != others.class_count()) {
    fail(ErrorKind::config, "[train.distill] expected a teacher of the model's {} classes, got one of {}",
         own.class_count(), others.class_count());
  }
  if (distill.outputs && (own.anchors != others.anchors || own.reg_max != others.reg_max)) {
    fail(ErrorKind::config,
         "[train.distill] expected a teacher whose head has the model's anchors and bins, got another: only `distill: "
         "features` can learn from it");
  }
  const LossGains gains = detect_gains(own, settings);
  return std::make_unique<DetectDistillation>(std::move(own), gains, distill.output_temperature, settings.shared);
}

}  // namespace quench::train
