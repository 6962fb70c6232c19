#include "core/error.h"
#include "train/distill/softened.h"
#include "train/distill/task_distillation.h"

namespace quench::train {
namespace {

/// Softened class scores (Hinton et al. 2015, section 2).
class ClassifyDistillation : public TaskDistillation {
 public:
  ClassifyDistillation(double temperature, std::shared_ptr<const SharedBatch> shared)
      : temperature_(temperature), shared_(std::move(shared)) {}
  torch::Tensor outputs_loss(const std::vector<torch::Tensor>& student,
                             const std::vector<torch::Tensor>& teacher) const override {
    return softened_divergence(student.at(0), teacher.at(0), temperature_).mean() * shared_->share();
  }

 private:
  double temperature_;
  std::shared_ptr<const SharedBatch> shared_;
};

}  // namespace

std::unique_ptr<TaskDistillation> classify_distillation(const graph::Graph& student, const graph::Graph& teacher,
                                                        const DistillSettings& distill, const FitSettings& settings) {
  const Shape own = student.edge(student.outputs.at(0)).shape, others = teacher.edge(teacher.outputs.at(0)).shape;
  if (own != others) {
    fail(ErrorKind::config, "[train.distill] expected a teacher of the model's {} classes, got one with outputs {}",
         own.back(), to_string(others));
  }
  return std::make_unique<ClassifyDistillation>(distill.output_temperature, settings.shared);
}

}  // namespace quench::train
