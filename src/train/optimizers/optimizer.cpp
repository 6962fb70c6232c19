#include "train/optimizers/optimizer.h"

#include <torch/utils.h>

#include <cmath>

#include "core/error.h"
#include "nn/kernels/sgd.h"
#include "train/loop/chunks.h"

namespace quench::train {
namespace {

constexpr double kLargestScaleChange = 0.01;

/// Small positive numbers that quantizers learn: scales, and PACT's upper ends.
bool ends_with_scale(const std::string& name) { return name.ends_with(".scale") || name.ends_with(".alpha"); }

/// The gradient in the parameter's memory layout, so that both run side by side.
torch::Tensor gradient_like(const torch::Tensor& value) {
  const torch::Tensor& gradient = value.grad();
  if (!gradient.defined() || same_layout(gradient, value)) return gradient;
  return at::empty_like(value).copy_(gradient);
}

}  // namespace

/// The numbers of one step, the same for all tensors.
struct Optimizer::Rates {
  double lr = 0, clip = 1, decay = 0;
  double momentum = 0, beta2 = 0, epsilon = 0;
  double corrected_lr = 0, root_correction = 1;  // AdamW's bias corrections
};

Optimizer::Optimizer(std::map<std::string, torch::Tensor> parameters, OptimizerOptions options)
    : options_(std::move(options)) {
  if (options_.kind != "sgd" && options_.kind != "adamw") {
    fail(ErrorKind::config, "[train.optimizer] expected sgd or adamw, got '{}'", options_.kind);
  }
  for (auto& [name, value] : parameters) {
    Slot slot{name, value, at::zeros_like(value.detach()), {}, value.dim() >= 2, ends_with_scale(name)};
    if (slot.is_scale) slot.decays = false;
    if (options_.kind == "adamw") slot.variance = at::zeros_like(value.detach());
    slots_.push_back(std::move(slot));
  }
}

void Optimizer::zero_grad() {
  for (Slot& slot : slots_) slot.value.mutable_grad().reset();
}

std::vector<torch::Tensor> Optimizer::gradients() const {
  std::vector<torch::Tensor> found;
  for (const Slot& slot : slots_) {
    if (slot.value.grad().defined()) found.push_back(slot.value.grad());
  }
  return found;
}

std::map<std::string, torch::Tensor> Optimizer::state() const {
  std::map<std::string, torch::Tensor> tensors;
  for (const Slot& slot : slots_) {
    tensors.emplace("momentum/" + slot.name, slot.momentum);
    if (slot.variance.defined()) tensors.emplace("variance/" + slot.name, slot.variance);
  }
  return tensors;
}

double Optimizer::gradient_norm() const {
  std::vector<Chunk<1>> chunks;
  double general = 0;
  for (const Slot& slot : slots_) {
    const torch::Tensor& gradient = slot.value.grad();
    if (!gradient.defined() || add_chunks<1>(chunks, {gradient})) continue;
    const double norm = gradient.norm().item<double>();
    general += norm * norm;
  }
  std::vector<double> sums(chunks.size(), 0.0);
  for_each_chunk<1>(chunks, [&](const Chunk<1>& chunk, int64_t index) {
    double sum = 0;
    for (int64_t i = 0; i < chunk.size; ++i) sum += static_cast<double>(chunk.data[0][i]) * chunk.data[0][i];
    sums[static_cast<size_t>(index)] = sum;
  });
  for (const double sum : sums) general += sum;
  return std::sqrt(general);
}

Optimizer::Rates Optimizer::rates(double lr) const {
  Rates r{lr, 1, options_.weight_decay, options_.momentum, options_.beta2, options_.epsilon, lr, 1};
  if (options_.clip_norm > 0) {
    const double norm = gradient_norm();
    if (norm > options_.clip_norm) r.clip = options_.clip_norm / (norm + 1e-6);
  }
  if (options_.kind == "adamw") {
    const auto t = static_cast<double>(steps_);
    r.corrected_lr = lr / (1 - std::pow(options_.momentum, t));
    r.root_correction = std::sqrt(1 - std::pow(options_.beta2, t));
  }
  return r;
}

/// The general way: any device, type and layout.
void Optimizer::update(Slot& slot, const torch::Tensor& gradient, const Rates& r) const {
  torch::Tensor value = slot.value.detach();
  const torch::Tensor before = slot.is_scale ? value.clone() : torch::Tensor();
  const torch::Tensor g = r.clip == 1 ? gradient : gradient * r.clip;
  if (options_.kind == "adamw") {
    if (slot.decays) value.mul_(1 - r.lr * r.decay);
    slot.momentum.mul_(r.momentum).add_(g, 1 - r.momentum);
    slot.variance.mul_(r.beta2).addcmul_(g, g, 1 - r.beta2);
    const torch::Tensor step = slot.momentum / slot.variance.sqrt().div_(r.root_correction).add_(r.epsilon);
    value.sub_(slot.is_scale ? step * before : step, r.corrected_lr);
  } else {
    const torch::Tensor d = slot.decays ? g.add(value, r.decay) : g;
    slot.momentum.mul_(r.momentum).add_(d);
    value.sub_(options_.nesterov ? d.add(slot.momentum, r.momentum) : slot.momentum, r.lr);
  }
  if (slot.is_scale) {
    value.copy_(value.max(before * (1 - kLargestScaleChange)).min(before * (1 + kLargestScaleChange)));
  }
}

void Optimizer::step(double lr) {
  const torch::NoGradGuard no_grad;
  ++steps_;
  const Rates r = rates(lr);
  std::vector<torch::Tensor> alive;  // gradients that had to be laid out anew
  std::vector<Slot*> flat;           // what the threaded passes take, beside its gradient in `alive`
  for (Slot& slot : slots_) {
    const torch::Tensor gradient = gradient_like(slot.value);
    if (!gradient.defined()) continue;
    if (slot.is_scale || !side_by_side<3>({slot.value, gradient, slot.momentum})) {
      update(slot, gradient, r);
      continue;
    }
    if (r.clip != 1) gradient.mul_(r.clip);
    flat.push_back(&slot);
    alive.push_back(gradient);
    slot.value.unsafeGetTensorImpl()->bump_version();
  }
  options_.kind == "adamw" ? adamw_pass(flat, alive, r) : sgd_pass(flat, alive, r);
}

void Optimizer::sgd_pass(const std::vector<Slot*>& slots, const std::vector<torch::Tensor>& gradients,
                         const Rates& r) const {
  const nn::kernels::FlatLayout layout{at::get_num_threads(), nn::kernels::best_isa()};
  for (const bool decays : {true, false}) {
    std::vector<nn::kernels::SgdSpan> spans;
    for (size_t i = 0; i < slots.size(); ++i) {
      if (slots[i]->decays != decays) continue;
      spans.push_back({slots[i]->value.data_ptr<float>(), gradients[i].data_ptr<float>(),
                       slots[i]->momentum.data_ptr<float>(), gradients[i].numel()});
    }
    nn::kernels::sgd_step(spans,
                          {static_cast<float>(r.lr), static_cast<float>(r.momentum),
                           decays ? static_cast<float>(r.decay) : 0.0f, options_.nesterov},
                          layout);
  }
}

void Optimizer::adamw_pass(const std::vector<Slot*>& slots, const std::vector<torch::Tensor>& gradients,
                           const Rates& r) const {
  std::vector<Chunk<4>> chunks;
  for (size_t i = 0; i < slots.size(); ++i) {
    add_chunks<4>(chunks, {slots[i]->value.detach(), gradients[i], slots[i]->momentum, slots[i]->variance},
                  static_cast<int64_t>(i));
  }
  const auto beta1 = static_cast<float>(r.momentum), beta2 = static_cast<float>(r.beta2);
  const auto rest1 = static_cast<float>(1 - r.momentum), rest2 = static_cast<float>(1 - r.beta2);
  const auto epsilon = static_cast<float>(r.epsilon), rate = static_cast<float>(r.corrected_lr);
  const auto root = static_cast<float>(1 / r.root_correction);
  for_each_chunk<4>(chunks, [&](const Chunk<4>& chunk, int64_t) {
    const bool decays = slots[static_cast<size_t>(chunk.tensor)]->decays;
    const auto keep = static_cast<float>(decays ? 1 - r.lr * r.decay : 1.0);
    float* __restrict w = chunk.data[0];
    const float* __restrict g = chunk.data[1];
    float* __restrict m = chunk.data[2];
    float* __restrict v = chunk.data[3];
    for (int64_t i = 0; i < chunk.size; ++i) {
      m[i] = beta1 * m[i] + rest1 * g[i];
      v[i] = beta2 * v[i] + rest2 * g[i] * g[i];
      w[i] = w[i] * keep - rate * (m[i] / (std::sqrt(v[i]) * root + epsilon));
    }
  });
}

}  // namespace quench::train
