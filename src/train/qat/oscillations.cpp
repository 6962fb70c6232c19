#include "train/qat/oscillations.h"

#include <torch/utils.h>

#include <cmath>
#include <numbers>

namespace quench::train {
namespace {

torch::Tensor integers_of(const nn::RoundedWeight& weight) {
  const double most = static_cast<double>(weight.q_max);
  return weight.unrounded.detach().div(weight.scale).round_().clamp_(-most, most);
}

}  // namespace

Oscillations::Oscillations(const nn::GraphModule& module, double threshold, double momentum)
    : threshold_(threshold), momentum_(momentum) {
  const torch::NoGradGuard no_gradient;
  for (const nn::RoundedWeight& weight : module.rounded_weights()) {
    const torch::Tensor q = integers_of(weight);
    seen_[weight.name] = {q, at::zeros_like(q), at::zeros_like(q), q.clone(), at::zeros_like(q)};
  }
}

void Oscillations::after_step(const nn::GraphModule& module) {
  const torch::NoGradGuard no_gradient;
  for (const nn::RoundedWeight& weight : module.rounded_weights()) {
    Seen& s = seen_.at(weight.name);
    const torch::Tensor held = s.frozen.gt(0);
    const torch::Tensor q = torch::where(held, s.integer, integers_of(weight));
    const torch::Tensor change = (q - s.integer).sign_();
    const torch::Tensor turned = (change * s.direction).lt(0).to(at::kFloat);
    s.frequency.mul_(1 - momentum_).add_(turned, momentum_);
    s.direction.copy_(torch::where(change.ne(0), change, s.direction));
    s.mean.mul_(1 - momentum_).add_(q, momentum_);
    const torch::Tensor stops = at::logical_and(s.frequency.gt(threshold_), at::logical_not(held));
    s.integer.copy_(torch::where(stops, s.mean.round(), q));
    s.frozen.masked_fill_(stops, 1);
    torch::Tensor leaf = weight.leaf.detach();
    leaf.copy_(torch::where(s.frozen.gt(0), s.integer * weight.scale, leaf));
  }
}

int64_t Oscillations::frozen() const {
  int64_t sum = 0;
  for (const auto& [name, seen] : seen_) sum += seen.frozen.sum().item<int64_t>();
  return sum;
}

std::map<std::string, torch::Tensor> Oscillations::state() const {
  std::map<std::string, torch::Tensor> out;
  for (const auto& [name, seen] : seen_) {
    out[name + "/integer"] = seen.integer;
    out[name + "/direction"] = seen.direction;
    out[name + "/frequency"] = seen.frequency;
    out[name + "/mean"] = seen.mean;
    out[name + "/frozen"] = seen.frozen;
  }
  return out;
}

torch::Tensor damping_penalty(const nn::GraphModule& module) {
  torch::Tensor sum;
  for (const nn::RoundedWeight& weight : module.rounded_weights()) {
    const torch::Tensor q = weight.unrounded.detach().div(weight.scale);
    const torch::Tensor inside = q.abs().le(static_cast<double>(weight.q_max));
    const torch::Tensor away = (q.round().mul_(weight.scale) - weight.unrounded) * inside;
    const torch::Tensor square = away.square().sum();
    sum = sum.defined() ? sum + square : square;
  }
  return sum.defined() ? sum : at::zeros({});
}

double damping_at(double factor, bool cosine, double share) {
  return cosine ? factor * (1 - std::cos(std::numbers::pi * share)) / 2 : factor;
}

}  // namespace quench::train
