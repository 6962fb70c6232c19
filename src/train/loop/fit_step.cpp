// What a run of fit() does with one batch.

#include <algorithm>

#include "core/error.h"
#include "train/loop/fit_run.h"
#include "train/loop/non_finite.h"

namespace quench::train {

void FitRun::stop_on(const std::optional<LossLog::Bad>& bad, const data::Batch& batch) {
  if (!bad) return;
  const std::string cause =
      several() ? agreed_cause(batch) : first_non_finite(module_, pixels_of(batch.images, device_));
  const std::string message = fmt::format(
      "[train] expected a finite loss, got {} (epoch {}, step {}, learning rate {:.4g}; first not finite: {})",
      bad->loss, at_.epoch + 1, bad->step, bad->lr, cause);
  if (context_.not_finite && group_.leads()) context_.not_finite(message);
  throw Error(ErrorKind::data, message);
}

void FitRun::train_batch(const data::Batch& batch) {
  const int64_t step = at_.epoch * loader_->batches() + at_.batch;
  const double lr = schedule_.at(step);
  torch::Tensor loss;
  module_.at_step(step);
  settings_.shared->begin(batch.images.shape().at(0), batch.whole);
  {
    const Autocast autocast(settings_.precision, device_);
    profile_.enter("forward");
    std::vector<torch::Tensor> values = module_.forward(pixels_of(batch.images, device_), objective_->watched());
    if (several()) values = with_gradients_of_all(values);
    profile_.enter("loss");
    loss = objective_->loss(values, batch);
  }
  const auto* with_terms = dynamic_cast<const TermsOfLoss*>(objective_.get());
  const LossParts terms = with_terms ? with_terms->parts() : LossParts{};
  if (!several()) stop_on(losses_.add(loss, batch.whole, step, lr, terms), batch);
  if (at_.batch % settings_.accumulate == 0) optimizer_.zero_grad();
  const bool last = (at_.batch + 1) % settings_.accumulate == 0 || at_.batch + 1 == loader_->batches();
  profile_.enter("backward");
  if (several() && last) gradients_->begin();
  scaled(loss, step).backward();
  if (several()) {
    profile_.enter("sums");
    add_up(loss, terms, batch, lr, last);
  }
  profile_.enter("optimizer");
  at_.images += batch.whole;
  ++at_.batch;
  if (between_steps() && loss_scale_.unscale(optimizer_.gradients())) {
    penalise_scales(step);
    penalise_upper_ends();
    optimizer_.step(lr);
    after_step();
    if (oscillations_) oscillations_->after_step(module_);
    profile_.enter("average");
    if (ema_) ema_->update();
  }
  if (profile_.end_step(batch.images.shape().at(0)) && context_.log != nullptr) context_.log->info(profile_.table());
}

/// The subgradient of sparsity x sum |gamma| (Liu et al. 2017, equation 1), 0 at 0.
void FitRun::penalise_scales(int64_t step) {
  if (scales_.empty()) return;
  const double left = settings_.sparsity_schedule == "linear"
                          ? 1 - static_cast<double>(step) / static_cast<double>(schedule_.total_steps)
                          : 1;
  const torch::NoGradGuard no_gradient;
  for (const torch::Tensor& scale : scales_) {
    if (scale.grad().defined()) scale.mutable_grad().add_(scale.sign(), settings_.sparsity * left);
  }
}

torch::Tensor FitRun::scaled(const torch::Tensor& loss, int64_t step) const {
  const auto batches = static_cast<double>(settings_.accumulate);
  torch::Tensor sum = loss * (objective_->gradient_gain() / batches);
  const QatSettings& qat = settings_.qat;
  if (qat.damping > 0) {
    const double done =
        static_cast<double>(step) / static_cast<double>(std::max<int64_t>(1, schedule_.total_steps - 1));
    // Of weights, which all processes have: each gives its part.
    const double factor = damping_at(qat.damping, qat.damping_cosine, done) / batches / group_.world_size();
    sum = sum + damping_penalty(module_) * factor;
  }
  return loss_scale_.on() ? sum * loss_scale_.scale() : sum;
}

void FitRun::penalise_upper_ends() {
  if (settings_.qat.pact_decay == 0) return;
  const torch::NoGradGuard no_gradient;
  for (const auto& [name, value] : module_.parameters()) {
    if (name.ends_with(".alpha") && value.grad().defined()) value.mutable_grad().add_(value, settings_.qat.pact_decay);
  }
}

void FitRun::after_step() {
  if (!context_.after_step) return;
  const torch::NoGradGuard no_gradient;
  context_.after_step(module_);
}

}  // namespace quench::train
