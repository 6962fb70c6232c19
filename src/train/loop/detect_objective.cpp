#include "core/error.h"
#include "models/detect_head.h"
#include "train/loop/detect_gains.h"
#include "train/loop/loss_parts.h"
#include "train/loop/objective.h"
#include "train/losses/detect_loss.h"
#include "train/matching/detect_targets.h"

namespace quench::train {
namespace {

/// Images that the published learning rates of detectors sum a loss over.
constexpr double kNominalBatch = 64;

class DetectObjective : public Objective, public TermsOfLoss {
 public:
  DetectObjective(models::DetectHead head, const LossGains& gains, std::shared_ptr<const SharedBatch> shared)
      : head_(std::move(head)), criterion_(make_criterion(head_, gains, std::move(shared))) {}

  torch::Tensor loss(const std::vector<torch::Tensor>& outputs, const data::Batch& batch) override {
    const auto images = static_cast<double>(batch.images.shape().at(0));
    const DetectLoss loss = (*criterion_)(outputs, detect_targets(batch));
    parts_ = {{"box_loss", loss.box}};
    if (head_.anchors.empty()) {
      parts_.insert(parts_.end(), {{"cls_loss", loss.cls}, {"dfl_loss", loss.dfl}});
    } else {
      parts_.insert(parts_.end(), {{"obj_loss", loss.obj}, {"cls_loss", loss.cls}});
    }
    return loss.total / images;
  }
  LossParts parts() const override { return parts_; }

  double gradient_gain() const override { return kNominalBatch; }

 private:
  models::DetectHead head_;
  std::unique_ptr<DetectCriterion> criterion_;
  LossParts parts_;
};

}  // namespace

std::unique_ptr<Objective> detect_objective(const graph::Graph& graph, const data::Splits& data,
                                            const FitSettings& settings) {
  models::DetectHead head = models::detect_head(graph);
  if (head.class_count() != static_cast<int64_t>(data.train->classes().size())) {
    fail(ErrorKind::config, "[train] expected a detector of the {} classes of {}, got one of {}",
         data.train->classes().size(), data.name, head.class_count());
  }
  const LossGains gains = detect_gains(head, settings);
  return std::make_unique<DetectObjective>(std::move(head), gains, settings.shared);
}

}  // namespace quench::train
