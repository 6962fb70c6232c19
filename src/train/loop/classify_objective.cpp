#include "core/error.h"
#include "train/loop/objective.h"
#include "train/losses/loss.h"

namespace quench::train {
namespace {

/// The head's number of classes. Throws Error{config} where it is not the data's.
int64_t class_count(const graph::Graph& graph, const data::Splits& data) {
  const auto wanted = static_cast<int64_t>(data.train->classes().size());
  const Shape shape = graph.outputs.size() == 1 ? graph.edge(graph.outputs.front()).shape : Shape{};
  if (shape.size() != 2 || shape[1] != wanted) {
    fail(ErrorKind::config, "[train] expected a classifier with one output [1,{}] for {}, got {} outputs of {}", wanted,
         data.name, graph.outputs.size(), to_string(shape));
  }
  return wanted;
}

class ClassifyObjective : public Objective {
 public:
  ClassifyObjective(int64_t classes, double label_smoothing, std::shared_ptr<const SharedBatch> shared)
      : classes_(classes), smoothing_(label_smoothing), shared_(std::move(shared)) {}

  torch::Tensor loss(const std::vector<torch::Tensor>& outputs, const data::Batch& batch) override {
    const torch::Tensor& logits = outputs.at(0);
    return cross_entropy(logits, soft_targets(batch, classes_, smoothing_).to(logits.device()), shared_->share());
  }

 private:
  int64_t classes_;
  double smoothing_;
  std::shared_ptr<const SharedBatch> shared_;
};

}  // namespace

std::unique_ptr<Objective> classify_objective(const graph::Graph& graph, const data::Splits& data,
                                              const FitSettings& settings) {
  return std::make_unique<ClassifyObjective>(class_count(graph, data), settings.label_smoothing, settings.shared);
}

}  // namespace quench::train
