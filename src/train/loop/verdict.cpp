#include "train/loop/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace quench::train {
namespace {

constexpr double kGrown = 1.5, kOfFirst = 0.5, kRise = 0.005, kFall = 0.01;
constexpr size_t kFewest = 4;

double mean(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double highest_rate(std::span<const EpochRow> rows) { return std::ranges::max_element(rows, {}, &EpochRow::lr)->lr; }

}  // namespace

std::string advice_for_divergence(double lr) {
  return fmt::format("Train anew with a lower learning rate (--lr {:.2g}) or a longer warm-up (--warmup-epochs).",
                     lr / 10);
}

Verdict judge(std::span<const EpochRow> rows, const Judged& judged) {
  if (rows.size() > 1) {
    const double first = rows.front().train_loss, last = rows.back().train_loss;
    const auto lowest = std::ranges::min_element(rows, {}, &EpochRow::train_loss);
    if (last >= kGrown * lowest->train_loss && last >= kOfFirst * first) {
      return {Course::diverged,
              fmt::format("The training diverged: the loss grew from {:.4f} in epoch {} to {:.4f} in the last. {}",
                          lowest->train_loss, lowest->epoch, last, advice_for_divergence(highest_rate(rows)))};
    }
  }
  std::vector<double> scores, losses;  // of the epochs with scores
  std::vector<int64_t> epochs;
  std::string name;
  for (const EpochRow& row : rows) {
    if (row.scores.empty()) continue;
    if (name.empty()) name = row.scores.front().name;
    scores.push_back(row.scores.front().value);
    losses.push_back(row.train_loss);
    epochs.push_back(row.epoch);
  }
  if (scores.size() < kFewest) return {};
  const size_t k = std::max<size_t>(2, scores.size() / 10), last = scores.size() - k;
  const auto of = [k](const std::vector<double>& values, size_t first) {
    return mean(std::span(values).subspan(first, k));
  };
  const auto chance = [&](size_t a, size_t b) {
    if (judged.images == 0) return 0.0;
    const double p = std::clamp((of(scores, a) + of(scores, b)) / 2, 0.0, 1.0);
    return std::sqrt(2 * p * (1 - p) / static_cast<double>(judged.images));
  };
  const double rise = of(scores, last) - of(scores, last - k);
  if (rise > std::max(kRise, chance(last, last - k))) {
    return {Course::rising,
            fmt::format("The training has not converged: {} rose by {:.1f} percentage points from the {} epochs before "
                        "the last {} to those. Train longer (--epochs {}).",
                        name, 100 * rise, k, k, 2 * rows.back().epoch)};
  }
  size_t best = 0;
  for (size_t at = 1; at <= last; ++at) {
    if (of(scores, at) > of(scores, best)) best = at;
  }
  const double fall = of(scores, best) - of(scores, last);
  if (fall > std::max(kFall, 2 * chance(last, best)) && of(losses, last) < of(losses, best)) {
    return {
        Course::falling,
        fmt::format("The training went on for too long: {} fell by {:.1f} percentage points from epochs {} to {} to "
                    "the last {}, while the loss fell. The model fits the training images too closely (overfitting). "
                    "{}rain for fewer epochs (--epochs {}), or augment more.",
                    name, 100 * fall, epochs[best], epochs[best + k - 1], k,
                    judged.keeps_best ? "T" : "Take the best epoch (--keep best), t", epochs[best + k - 1])};
  }
  return {Course::settled, ""};
}

}  // namespace quench::train
