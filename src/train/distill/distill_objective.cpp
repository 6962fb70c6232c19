#include "train/distill/distill_objective.h"

#include <fmt/format.h>

#include <cmath>

#include "core/error.h"
#include "core/rng.h"
#include "graph/quantized.h"
#include "models/task.h"
#include "nn/graph_module.h"
#include "train/distill/feature_maps.h"
#include "train/distill/softened.h"
#include "train/distill/task_distillation.h"
#include "train/loop/device.h"
#include "train/loop/evaluation.h"
#include "train/loop/loss_parts.h"
#include "train/loop/objective.h"
#include "train/optimizers/precision.h"

namespace quench::train {
namespace {

using torch::Tensor;

/// A 1x1 convolution from the channels of a map to those of the teacher's.
struct Adapter {
  Tensor weight, bias;  ///< [to,from,1,1], [to]: leaves; undefined where none is needed
};

Tensor uniform_leaf(std::vector<int64_t> shape, double bound, Rng& rng, const torch::Device& device) {
  Tensor values = at::empty(shape, at::kFloat);
  float* value = values.data_ptr<float>();
  for (int64_t i = 0; i < values.numel(); ++i) value[i] = static_cast<float>(rng.uniform(-bound, bound));
  return values.to(device).set_requires_grad(true);
}

Adapter make_adapter(int64_t from, int64_t to, uint64_t seed, uint64_t place, const torch::Device& device) {
  Rng rng(seed, "distill_adapter", place);
  const double bound = 1 / std::sqrt(static_cast<double>(from));
  return {uniform_leaf({to, from, 1, 1}, bound, rng, device), uniform_leaf({to}, bound, rng, device)};
}

void require_same_classes(const graph::Graph& teacher, const data::Dataset& train) {
  try {
    models::require_fit(teacher, train.task(), train.classes());
  } catch (const Error& error) {
    fail(ErrorKind::config, "[train.distill] the teacher does not fit the data: {}", error.what());
  }
}

/// On the device of the training and in its precision, unless the teacher is quantized: that is simulated in float32.
nn::ModuleOptions how_it_runs(const graph::Graph& teacher, const std::string& precision, const torch::Device& device) {
  nn::ModuleOptions options;
  options.device = device;
  options.bf16 = !graph::is_quantized(teacher) && bf16_on_cpu(precision, device);
  return options;
}

class DistillObjective : public Objective, public TermsOfLoss {
 public:
  DistillObjective(const graph::Graph& student, const graph::Graph& teacher, const DistillSettings& distill,
                   const data::Splits& data, const FitSettings& settings)
      : own_(make_objective(student, data, settings)),
        distill_(distill),
        comparison_(make_task_distillation(student, teacher, distill, settings)),
        shared_(settings.shared),
        device_(open_device(settings.device)),
        teacher_(teacher, how_it_runs(teacher, settings.precision, device_)) {
    require_same_classes(teacher, *data.train);
    if (distill_.features) add_maps(student, teacher, settings.seed);
  }

  Tensor loss(const std::vector<Tensor>& values, const data::Batch& batch) override {
    const auto maps = static_cast<std::ptrdiff_t>(student_maps_.size());
    const std::vector<Tensor> outputs(values.begin(), values.end() - maps);
    std::vector<Tensor> taught;
    {
      const torch::NoGradGuard no_gradient;
      taught = teacher_.forward(pixels_of(batch.images, device_), teacher_maps_);
    }
    Tensor sum = own_->loss(outputs, batch);
    const Tensor own = sum.detach();
    if (distill_.outputs) {
      const std::vector<Tensor> scores(taught.begin(), taught.end() - maps);
      sum = sum + comparison_->outputs_loss(outputs, scores) * distill_.weight;
    }
    for (size_t i = 0; i < student_maps_.size(); ++i) {
      const size_t behind = student_maps_.size() - i;
      const Tensor divergence = channel_divergence(adapted(values[values.size() - behind], adapters_[i]),
                                                   taught[taught.size() - behind], distill_.map_temperature);
      sum = sum + divergence * (distill_.weight * shared_->share() / static_cast<double>(student_maps_.size()));
    }
    const auto* terms = dynamic_cast<const TermsOfLoss*>(own_.get());
    parts_ = terms ? terms->parts() : LossParts{{"own_loss", own}};
    parts_.emplace_back("distill_loss", sum.detach() - own);
    return sum;
  }
  LossParts parts() const override { return parts_; }

  double gradient_gain() const override { return own_->gradient_gain(); }
  std::vector<graph::EdgeId> watched() const override { return student_maps_; }
  std::map<std::string, Tensor> parameters() const override {
    std::map<std::string, Tensor> all;
    for (size_t i = 0; i < adapters_.size(); ++i) {
      if (!adapters_[i].weight.defined()) continue;
      all.emplace(fmt::format("adapter.{}.weight", i), adapters_[i].weight);
      all.emplace(fmt::format("adapter.{}.bias", i), adapters_[i].bias);
    }
    return all;
  }

 private:
  void add_maps(const graph::Graph& student, const graph::Graph& teacher, uint64_t seed) {
    for (const auto& [own, others] : pairs_of_maps(student, teacher)) {
      const int64_t from = student.edge(own).shape[1], to = teacher.edge(others).shape[1];
      adapters_.push_back(from == to ? Adapter{} : make_adapter(from, to, seed, adapters_.size(), device_));
      student_maps_.push_back(own);
      teacher_maps_.push_back(others);
    }
  }

  static Tensor adapted(const Tensor& map, const Adapter& adapter) {
    return adapter.weight.defined() ? at::conv2d(map, adapter.weight, adapter.bias) : map;
  }

  std::unique_ptr<Objective> own_;
  LossParts parts_;
  DistillSettings distill_;
  std::unique_ptr<TaskDistillation> comparison_;
  std::shared_ptr<const SharedBatch> shared_;
  torch::Device device_;
  nn::GraphModule teacher_;
  std::vector<graph::EdgeId> student_maps_, teacher_maps_;
  std::vector<Adapter> adapters_;
};

}  // namespace

MakeObjective distilled(graph::Graph teacher, const DistillSettings& distill) {
  return [teacher = std::move(teacher), distill](const graph::Graph& student, const data::Splits& data,
                                                 const FitSettings& settings) -> std::unique_ptr<Objective> {
    return std::make_unique<DistillObjective>(student, teacher, distill, data, settings);
  };
}

}  // namespace quench::train
