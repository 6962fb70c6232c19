#include "train/optimizers/ema.h"

#include <torch/utils.h>

#include <cmath>

#include "core/error.h"
#include "nn/kernels/sgd.h"
#include "train/loop/chunks.h"

namespace quench::train {
namespace {

constexpr double kRampSteps = 2000;

}  // namespace

void copy_values(const std::map<std::string, torch::Tensor>& from, const std::map<std::string, torch::Tensor>& to) {
  const torch::NoGradGuard no_grad;
  ensure(from.size() == to.size(), "[train.ema] expected {} tensors, got {}", to.size(), from.size());
  for (const auto& [name, target] : to) {
    const auto found = from.find(name);
    ensure(found != from.end() && found->second.sizes() == target.sizes(),
           "[train.ema] {} is missing or of other shape", name);
    target.detach().copy_(found->second);
  }
}

std::map<std::string, torch::Tensor> clone_values(const std::map<std::string, torch::Tensor>& values) {
  std::map<std::string, torch::Tensor> copies;
  for (const auto& [name, value] : values) copies.emplace(name, value.detach().clone());
  return copies;
}

Ema::Ema(std::map<std::string, torch::Tensor> values, double decay)
    : values_(std::move(values)), averages_(clone_values(values_)), decay_(decay) {}

double Ema::decay_at(int64_t step) const { return decay_ * (1 - std::exp(-static_cast<double>(step) / kRampSteps)); }

void Ema::update() {
  const torch::NoGradGuard no_grad;
  const double decay = decay_at(++steps_);
  std::vector<nn::kernels::AverageSpan> spans;
  for (const auto& [name, average] : averages_) {
    const torch::Tensor& value = values_.at(name);
    if (side_by_side<2>({average, value})) {
      spans.push_back({average.data_ptr<float>(), value.data_ptr<float>(), average.numel()});
    } else {
      average.mul_(decay).add_(value.detach(), 1 - decay);
    }
  }
  nn::kernels::average_step(spans, static_cast<float>(decay), {at::get_num_threads(), nn::kernels::best_isa()});
}

}  // namespace quench::train
