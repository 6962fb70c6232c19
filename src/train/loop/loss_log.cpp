#include "train/loop/loss_log.h"

#include <ATen/ops/stack.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace quench::train {
namespace {

constexpr size_t kReadEvery = 50;

}  // namespace

std::optional<LossLog::Bad> LossLog::add(const torch::Tensor& loss, int64_t images, int64_t step, double lr,
                                         const LossParts& parts) {
  pending_.push_back({loss.detach(), images, step, lr, parts});
  if (loss.is_cpu() || pending_.size() >= kReadEvery) return flush();
  return std::nullopt;
}

std::optional<LossLog::Bad> LossLog::flush() {
  std::vector<torch::Tensor> losses;
  for (const Pending& pending : pending_) {
    losses.push_back(pending.loss);
    for (const auto& [name, value] : pending.parts) losses.push_back(value.to(pending.loss.scalar_type()).reshape({}));
  }
  if (losses.empty()) return std::nullopt;
  const torch::Tensor values = at::stack(losses).to(at::kCPU, at::kDouble);
  std::optional<Bad> bad;
  const double* next = values.data_ptr<double>();
  for (const Pending& pending : pending_) {
    const auto images = static_cast<double>(pending.images);
    const double value = *next++;
    if (!std::isfinite(value) && !bad) bad = Bad{pending.step, pending.lr, value};
    sum_ += value * images;
    images_ += pending.images;
    for (const auto& [name, tensor] : pending.parts) {
      auto sum = std::ranges::find(part_sums_, name, &score::Score::name);
      if (sum == part_sums_.end()) sum = part_sums_.insert(sum, {name, 0});
      sum->value += *next++ * images;
    }
  }
  pending_.clear();
  return bad;
}

score::Scores LossLog::part_means() const {
  score::Scores means = part_sums_;
  for (score::Score& part : means) part.value = images_ > 0 ? part.value / static_cast<double>(images_) : 0;
  return means;
}

void LossLog::restore(double sum, int64_t images, score::Scores part_sums) {
  sum_ = sum;
  images_ = images;
  part_sums_ = std::move(part_sums);
}

}  // namespace quench::train
