#include "train/loop/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace quench::train {
namespace {

constexpr double kGrown = 1.5, kOfFirst = 0.5, kRise = 0.005;
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

Verdict judge(std::span<const EpochRow> rows) {
  if (rows.size() > 1) {
    const double first = rows.front().train_loss, last = rows.back().train_loss;
    const auto lowest = std::ranges::min_element(rows, {}, &EpochRow::train_loss);
    if (last >= kGrown * lowest->train_loss && last >= kOfFirst * first) {
      return {Course::diverged,
              fmt::format("The training diverged: the loss grew from {:.4f} in epoch {} to {:.4f} in the last. {}",
                          lowest->train_loss, lowest->epoch, last, advice_for_divergence(highest_rate(rows)))};
    }
  }
  std::vector<double> scores;
  for (const EpochRow& row : rows) {
    if (!row.scores.empty()) scores.push_back(row.scores.front().value);
  }
  if (scores.size() < kFewest) return {};
  const size_t k = std::max<size_t>(2, scores.size() / 10);
  const std::span<const double> all(scores);
  const double rise = mean(all.last(k)) - mean(all.last(2 * k).first(k));
  if (!(rise > kRise)) return {Course::settled, ""};
  const std::string& name =
      std::ranges::find_if(rows, [](const EpochRow& row) { return !row.scores.empty(); })->scores.front().name;
  return {
      Course::rising,
      fmt::format("The training has not converged: {} rose by {:.1f} percentage points from the {} epochs before the "
                  "last {} to those. Train longer (--epochs {}).",
                  name, 100 * rise, k, k, 2 * rows.back().epoch)};
}

}  // namespace quench::train
