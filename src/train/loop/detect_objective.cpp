#include "core/error.h"
#include "models/detect_head.h"
#include "train/loop/detect_gains.h"
#include "train/loop/objective.h"
#include "train/losses/detect_loss.h"
#include "train/matching/detect_targets.h"

namespace quench::train {
namespace {

/// Images that the published learning rates of detectors sum a loss over.
constexpr double kNominalBatch = 64;

class DetectObjective : public Objective {
 public:
  DetectObjective(models::DetectHead head, const LossGains& gains)
      : head_(std::move(head)), criterion_(make_criterion(head_, gains)) {}

  torch::Tensor loss(const std::vector<torch::Tensor>& outputs, const data::Batch& batch) override {
    const auto images = static_cast<double>(batch.images.shape().at(0));
    return (*criterion_)(outputs, detect_targets(batch)).total / images;
  }

  double gradient_gain() const override { return kNominalBatch; }

 private:
  models::DetectHead head_;
  std::unique_ptr<DetectCriterion> criterion_;
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
  return std::make_unique<DetectObjective>(std::move(head), gains);
}

}  // namespace quench::train
