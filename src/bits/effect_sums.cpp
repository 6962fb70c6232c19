#include "bits/effect_sums.h"

#include <ATen/ATen.h>

#include <cmath>

#include "nn/graph_module.h"

namespace quench::bits {

EffectSums::EffectSums(std::unique_ptr<score::Scorer> scorer) : scorer_(std::move(scorer)) {}

void EffectSums::add(const std::vector<torch::Tensor>& found, const std::vector<torch::Tensor>& expected,
                     double loss_change, const data::Batch& batch, const std::vector<Truth>& truths) {
  noise_.resize(found.size());
  for (size_t i = 0; i < found.size(); ++i) {
    noise_[i] += (found[i] - expected[i]).square().sum(torch::kDouble).item<double>();
  }
  losses_.push_back({loss_change, static_cast<double>(batch.indices.size())});
  if (!scorer_) return;
  std::vector<Tensor> values;
  for (const torch::Tensor& value : found) values.push_back(nn::to_host(value.contiguous()));
  for (size_t i = 0; i < truths.size(); ++i) {
    scorer_->add(scorer_->read(values, static_cast<int64_t>(i), truths[i]), truths[i]);
  }
}

Effect EffectSums::result(const std::vector<double>& signal, std::optional<double> float_score) const {
  Effect out;
  for (size_t i = 0; i < noise_.size(); ++i) {
    const double share = signal[i] > 0 ? noise_[i] / signal[i] : 0;
    out.error += share / static_cast<double>(noise_.size());
  }
  double images = 0;
  for (const auto& [change, count] : losses_) {
    out.loss += change * count;
    images += count;
  }
  out.loss /= images;
  double squares = 0;
  for (const auto& [change, count] : losses_) squares += std::pow(count * (change - out.loss), 2);
  const auto batches = static_cast<double>(losses_.size());
  if (batches > 1) out.loss_error = std::sqrt(squares * batches / (batches - 1)) / images;
  if (const auto own = score()) out.score = *own - float_score.value_or(0);
  return out;
}

std::optional<double> EffectSums::score() const {
  if (!scorer_) return std::nullopt;
  const score::Scores scores = scorer_->result().scores;
  return scores.empty() ? std::nullopt : std::optional(scores.front().value);
}

std::string EffectSums::score_name() const {
  const score::Scores scores = scorer_ ? scorer_->result().scores : score::Scores{};
  return scores.empty() ? "" : scores.front().name;
}

}  // namespace quench::bits
