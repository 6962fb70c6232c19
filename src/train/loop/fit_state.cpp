// Where a run of fit() stands: what it keeps, and goes on from.

#include <torch/utils.h>

#include "core/clock.h"
#include "train/loop/fit_run.h"
#include "train/loop/saved_run.h"

namespace quench::train {
namespace {

void add_prefixed(std::map<std::string, torch::Tensor>& all, const std::string& prefix,
                  const std::map<std::string, torch::Tensor>& some) {
  for (const auto& [name, value] : some) all.emplace(prefix + name, value);
}

}  // namespace

/// Everything that the average covers: parameters and batch-norm statistics.
std::map<std::string, torch::Tensor> FitRun::averaged() const {
  std::map<std::string, torch::Tensor> values = module_.parameters();
  values.merge(module_.buffers());
  return values;
}

std::map<std::string, torch::Tensor> FitRun::checkpointed() const {
  std::map<std::string, torch::Tensor> all = optimizer_.state();
  add_prefixed(all, "parameter/", module_.parameters());
  add_prefixed(all, "buffer/", module_.buffers());
  add_prefixed(all, "objective/", objective_->parameters());
  if (ema_) add_prefixed(all, "ema/", ema_->averages());
  if (oscillations_) add_prefixed(all, "oscillation/", oscillations_->state());
  return all;
}

void FitRun::save() {
  if (!group_.leads()) return;
  at_.steps = optimizer_.steps();
  at_.ema_steps = ema_ ? ema_->steps() : 0;
  at_.loss_sum = losses_.sum();
  at_.epoch_images = losses_.images();
  at_.part_sums = losses_.part_sums();
  at_.loss_scale = loss_scale_.on() ? loss_scale_.scale() : 0;
  at_.good_steps = loss_scale_.good_steps();
  at_.tensors.clear();
  for (const auto& [name, value] : checkpointed()) at_.tensors.emplace(name, nn::to_host(value.detach()));
  save_checkpoint(context_.folder / kCheckpointName, at_);
  at_.tensors.clear();
  saved_ns_ = now_ns();
}

void FitRun::resume() {
  std::optional<Checkpoint> kept;
  if (group_.leads()) kept = saved_run(context_.folder, at_, settings_.keep_best(), context_.resume, context_.log);
  if (several()) kept = agreed(kept);
  if (!kept) return;
  Checkpoint& saved = *kept;
  std::map<std::string, torch::Tensor> values;
  for (const auto& [name, tensor] : saved.tensors) values.emplace(name, nn::to_torch(tensor));
  copy_values(values, checkpointed());
  saved.tensors.clear();
  at_ = std::move(saved);
  optimizer_.set_steps(at_.steps);
  if (ema_) ema_->set_steps(at_.ema_steps);
  losses_.restore(at_.loss_sum, at_.epoch_images, at_.part_sums);
  loss_scale_.restore(at_.loss_scale, at_.good_steps);
  show_rows();
  if (context_.log != nullptr && group_.leads()) {
    const std::filesystem::path path = context_.folder / kCheckpointName;
    context_.log->info(
        fmt::format("resumed in epoch {}, after batch {} ({})", at_.epoch + 1, at_.batch, path.string()));
  }
}

std::string FitRun::kept_text() const {
  return fmt::format("kept epoch {}, batch {} in {}: the same command goes on from there", at_.epoch + 1, at_.batch,
                     (context_.folder / kCheckpointName).string());
}

}  // namespace quench::train
