#include "train/losses/loss.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/log_softmax.h>

#include <algorithm>

#include "core/error.h"

namespace quench::train {
namespace {

void check_label(int32_t label, int64_t classes) {
  if (label < 0 || label >= classes) {
    fail(ErrorKind::data, "[train.loss] expected a label in 0..{}, got {}", classes - 1, label);
  }
}

}  // namespace

torch::Tensor soft_targets(const data::Batch& batch, int64_t classes, double smoothing) {
  const auto n = static_cast<int64_t>(batch.labels.size());
  const bool mixed = !batch.lambda.empty();
  ensure(!mixed || (batch.lambda.size() == batch.labels.size() && batch.labels_b.size() == batch.labels.size()),
         "[train.loss] expected {} mixed labels, got {} and {} lambdas", n, batch.labels_b.size(), batch.lambda.size());
  torch::Tensor targets = at::empty({n, classes}, at::kFloat);
  float* row = targets.data_ptr<float>();
  const auto share = static_cast<float>(1 - smoothing);
  const auto floor = static_cast<float>(smoothing / static_cast<double>(classes));
  for (int64_t i = 0; i < n; ++i, row += classes) {
    const auto at = static_cast<size_t>(i);
    std::fill(row, row + classes, floor);
    check_label(batch.labels[at], classes);
    const float lambda = mixed ? batch.lambda[at] : 1.0f;
    row[batch.labels[at]] += share * lambda;
    if (mixed) {
      check_label(batch.labels_b[at], classes);
      row[batch.labels_b[at]] += share * (1 - lambda);
    }
  }
  return targets;
}

torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets, double share) {
  ensure(logits.dim() == 2 && logits.sizes() == targets.sizes(), "[train.loss] expected logits of {} x {}, got {} x {}",
         targets.size(0), targets.size(1), logits.size(0), logits.dim() == 2 ? logits.size(1) : -1);
  const torch::Tensor log_p = at::log_softmax(logits.to(at::kFloat), 1);
  return (log_p * targets).sum().mul(-share / static_cast<double>(logits.size(0)));
}

}  // namespace quench::train
