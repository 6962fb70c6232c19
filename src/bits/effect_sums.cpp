#include "bits/effect_sums.h"

#include <ATen/ATen.h>

#include <cmath>

#include "nn/graph_module.h"
#include "score/answer_bytes.h"

namespace quench::bits {

EffectSums::EffectSums(std::unique_ptr<score::Scorer> scorer) : scorer_(std::move(scorer)) {}

void EffectSums::add(const std::vector<torch::Tensor>& found, const std::vector<torch::Tensor>& expected,
                     double loss_change, const data::Batch& batch, const std::vector<Truth>& truths) {
  BatchEffect& effect = batches_.emplace_back();
  effect.loss_change = loss_change;
  effect.images = static_cast<double>(batch.indices.size());
  for (size_t i = 0; i < found.size(); ++i) {
    effect.noise.push_back((found[i] - expected[i]).square().sum(torch::kDouble).item<double>());
  }
  if (!scorer_) return;
  std::vector<Tensor> values;
  for (const torch::Tensor& value : found) values.push_back(nn::to_host(value.contiguous()));
  for (size_t i = 0; i < truths.size(); ++i) {
    score::Answer answer = scorer_->read(values, static_cast<int64_t>(i), truths[i]);
    if (is_share_) {
      kept_.push_back(std::move(answer));
    } else {
      scorer_->add(answer, truths[i]);
    }
  }
}

void EffectSums::write_share(ByteWriter& out) {
  out.number(static_cast<int64_t>(batches_.size()));
  for (const BatchEffect& batch : batches_) {
    out.real(batch.loss_change);
    out.real(batch.images);
    out.number(static_cast<int64_t>(batch.noise.size()));
    for (const double noise : batch.noise) out.real(noise);
  }
  for (const score::Answer& answer : kept_) score::write_answer(out, answer);
  batches_.clear();
  kept_.clear();
}

void EffectSums::add_share(ByteReader& in, const std::vector<Truth>& truths) {
  for (int64_t left = in.count(); left > 0; --left) {
    BatchEffect& batch = batches_.emplace_back();
    batch.loss_change = in.real_double();
    batch.images = in.real_double();
    batch.noise.resize(static_cast<size_t>(in.count()));
    for (double& noise : batch.noise) noise = in.real_double();
  }
  if (!scorer_) return;
  for (const Truth& truth : truths) scorer_->add(score::read_answer(in), truth);
}

Effect EffectSums::result(const std::vector<double>& signal, std::optional<double> float_score) const {
  Effect out;
  std::vector<double> noise;
  double images = 0;
  for (const BatchEffect& batch : batches_) {
    noise.resize(batch.noise.size());
    for (size_t i = 0; i < noise.size(); ++i) noise[i] += batch.noise[i];
    out.loss += batch.loss_change * batch.images;
    images += batch.images;
  }
  for (size_t i = 0; i < noise.size(); ++i) {
    const double share = signal[i] > 0 ? noise[i] / signal[i] : 0;
    out.error += share / static_cast<double>(noise.size());
  }
  out.loss /= images;
  double squares = 0;
  for (const BatchEffect& batch : batches_) squares += std::pow(batch.images * (batch.loss_change - out.loss), 2);
  const auto batches = static_cast<double>(batches_.size());
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
