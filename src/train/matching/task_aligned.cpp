#include "train/matching/task_aligned.h"

#include <algorithm>

#include "core/error.h"
#include "train/losses/complete_iou.h"

namespace quench::train {
namespace {

using torch::Tensor;

constexpr double kLeast = 1e-9;

/// [G,A]: whether the cell's centre lies in the box.
Tensor centres_inside(const Tensor& points, const Tensor& box) {
  const Tensor x = points.select(1, 0).unsqueeze(0), y = points.select(1, 1).unsqueeze(0);
  const auto side = [&](int64_t k) { return box.select(1, k).unsqueeze(1); };
  return (x - side(0) > kLeast)
      .logical_and_(y - side(1) > kLeast)
      .logical_and_(side(2) - x > kLeast)
      .logical_and_(side(3) - y > kLeast);
}

/// [G,A]: whether the cell is one of the row's top_k, and above 0.
Tensor best_of_each(const Tensor& metrics, int64_t top_k) {
  const auto [values, cells] = metrics.topk(std::min(top_k, metrics.size(1)), 1);
  return at::zeros(metrics.sizes(), metrics.options().dtype(at::kBool)).scatter_(1, cells, values > 0);
}

/// One target a cell: where several took it, the one that overlaps most.
struct Choice {
  Tensor image, cell, target;
};
Choice one_target_each(const Tensor& taken, const Tensor& overlaps, const Tensor& images, int64_t batch) {
  const int64_t cells = taken.size(1);
  const Tensor pairs = taken.nonzero();
  const Tensor target = pairs.select(1, 0), cell = pairs.select(1, 1);
  const Tensor image = images.index_select(0, target);
  const Tensor key = image * cells + cell;
  const Tensor takers =
      at::zeros({batch * cells}, key.options()).index_add_(0, key, at::ones(key.sizes(), key.options()));
  const Tensor single = takers.index_select(0, key) == 1;

  const Tensor disputed = (takers > 1).nonzero().select(1, 0);
  const Tensor disputed_image = disputed.div(cells, "floor"), disputed_cell = disputed.remainder(cells);
  const Tensor elsewhere = images.unsqueeze(1) != disputed_image.unsqueeze(0);  // [G,D]
  const Tensor winner = overlaps.index_select(1, disputed_cell).masked_fill(elsewhere, -1).argmax(0);
  return {at::cat({image.masked_select(single), disputed_image}), at::cat({cell.masked_select(single), disputed_cell}),
          at::cat({target.masked_select(single), winner})};
}

/// The largest value of each target. matrix: [G,A], overwritten.
Tensor largest_of_each(Tensor& matrix, const Choice& choice, const Tensor& values) {
  return matrix.zero_().index_put_({choice.target, choice.cell}, values).amax(1);
}

}  // namespace

Assignment assign_task_aligned(const Tensor& logits, const Tensor& boxes, const Tensor& points,
                               const AlignedTargets& targets, const AlignmentOptions& options) {
  const torch::NoGradGuard no_grad;
  const int64_t count = targets.box.size(0), cells = points.size(0);
  ensure(logits.dim() == 3 && boxes.dim() == 3 && logits.size(1) == cells && boxes.size(1) == cells,
         "[train.task_aligned] expected predictions of {} cells, got {} and {}", cells, logits.size(1), boxes.size(1));
  ensure(options.top_k > 0, "[train.task_aligned] expected top_k of 1 or more, got {}", options.top_k);
  if (count == 0) {
    const Tensor none = at::empty({0}, targets.image.options());
    return {none, none, none, at::empty({0}, logits.options())};
  }
  const Tensor pairs = centres_inside(points, targets.box).nonzero();
  const Tensor target = pairs.select(1, 0), cell = pairs.select(1, 1);
  const Tensor image = targets.image.index_select(0, target), label = targets.label.index_select(0, target);
  const Tensor overlap = complete_iou(targets.box.index_select(0, target), boxes.index({image, cell})).clamp_min(0);
  const Tensor metric = logits.index({image, cell, label}).sigmoid().pow(options.alpha) * overlap.pow(options.beta);

  Tensor overlaps = at::zeros({count, cells}, overlap.options()), metrics = at::zeros_like(overlaps);
  overlaps.index_put_({target, cell}, overlap);
  metrics.index_put_({target, cell}, metric);
  const Choice choice = one_target_each(best_of_each(metrics, options.top_k), overlaps, targets.image, logits.size(0));

  const Tensor metric_of = metrics.index({choice.target, choice.cell});
  const Tensor overlap_of = overlaps.index({choice.target, choice.cell});
  const Tensor best = largest_of_each(metrics, choice, metric_of).index_select(0, choice.target);
  const Tensor closest = largest_of_each(overlaps, choice, overlap_of).index_select(0, choice.target);
  return {choice.image, choice.cell, choice.target, metric_of / (best + kLeast) * closest};
}

}  // namespace quench::train
