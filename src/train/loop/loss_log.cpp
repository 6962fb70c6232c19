#include "train/loop/loss_log.h"

#include <ATen/ops/stack.h>

#include <cmath>

namespace quench::train {
namespace {

constexpr size_t kReadEvery = 50;

}  // namespace

std::optional<LossLog::Bad> LossLog::add(const torch::Tensor& loss, int64_t images, int64_t step, double lr) {
  pending_.push_back({loss.detach(), images, step, lr});
  if (loss.is_cpu() || pending_.size() >= kReadEvery) return flush();
  return std::nullopt;
}

std::optional<LossLog::Bad> LossLog::flush() {
  std::vector<torch::Tensor> losses;
  for (const Pending& pending : pending_) losses.push_back(pending.loss);
  if (losses.empty()) return std::nullopt;
  const torch::Tensor values = at::stack(losses).to(at::kCPU, at::kDouble);
  std::optional<Bad> bad;
  for (size_t i = 0; i < pending_.size(); ++i) {
    const double value = values.data_ptr<double>()[i];
    if (!std::isfinite(value) && !bad) bad = Bad{pending_[i].step, pending_[i].lr, value};
    sum_ += value * static_cast<double>(pending_[i].images);
    images_ += pending_[i].images;
  }
  pending_.clear();
  return bad;
}

void LossLog::restore(double sum, int64_t images) {
  sum_ = sum;
  images_ = images;
}

}  // namespace quench::train
