#include "train/losses/yolov8_loss.h"

#include <utility>

#include "core/error.h"
#include "train/losses/complete_iou.h"
#include "train/matching/detect_targets.h"
#include "train/matching/task_aligned.h"

namespace quench::train {
namespace {

using torch::Tensor;

constexpr int64_t kSides = 4;  // left, top, right, bottom
/// How far a side's target stays below the last bin.
constexpr double kBinMargin = 0.01;

/// All cells of all levels, finest level first, row by row.
struct Cells {
  Tensor points;   ///< [A,2] centres x, y in the level's cells
  Tensor strides;  ///< [A,1] pixels a cell
};

Cells cells_of(const std::vector<Tensor>& outputs, const std::vector<int64_t>& strides, at::ScalarType type) {
  const at::TensorOptions options = outputs[0].options().dtype(type);
  std::vector<Tensor> points, sizes;
  for (size_t level = 0; level < strides.size(); ++level) {
    const int64_t h = outputs[2 * level].size(2), w = outputs[2 * level].size(3);
    const Tensor x = (at::arange(w, options) + 0.5).unsqueeze(0).expand({h, w});
    const Tensor y = (at::arange(h, options) + 0.5).unsqueeze(1).expand({h, w});
    points.push_back(at::stack({x, y}, 2).flatten(0, 1));
    sizes.push_back(at::full({h * w, 1}, static_cast<double>(strides[level]), options));
  }
  return {at::cat(points), at::cat(sizes)};
}

/// Every second output from `first` on, as [N,A,channels].
Tensor by_cell(const std::vector<Tensor>& outputs, size_t first) {
  std::vector<Tensor> levels;
  for (size_t i = first; i < outputs.size(); i += 2) levels.push_back(outputs[i].permute({0, 2, 3, 1}).flatten(1, 2));
  return at::cat(levels, 1);
}

AlignedTargets aligned_targets(const std::vector<Target>& objects, double width, double height,
                               const at::TensorOptions& options) {
  const auto count = static_cast<int64_t>(objects.size());
  const Tensor image = at::empty({count}, at::kLong), label = at::empty({count}, at::kLong);
  const Tensor box = at::empty({count, kSides}, at::kFloat);
  float* corner = box.data_ptr<float>();
  for (int64_t i = 0; i < count; ++i, corner += kSides) {
    const Target& t = objects[static_cast<size_t>(i)];
    image.data_ptr<int64_t>()[i] = t.image;
    label.data_ptr<int64_t>()[i] = t.label;
    corner[0] = static_cast<float>((t.cx - t.width / 2) * width);
    corner[1] = static_cast<float>((t.cy - t.height / 2) * height);
    corner[2] = static_cast<float>((t.cx + t.width / 2) * width);
    corner[3] = static_cast<float>((t.cy + t.height / 2) * height);
  }
  const at::Device device = options.device();
  return {image.to(device), label.to(device), box.to(options)};
}

/// Lengths of the sides in cells, [..,4]: the expected bin. log_p: [..,4,reg_max].
Tensor expected_sides(const Tensor& log_p) {
  const Tensor bins = at::arange(log_p.size(-1), log_p.options());
  return (log_p.exp() * bins).sum(-1);
}

/// Corners x1 y1 x2 y2 of the boxes that reach `sides` from their points. points: [..,2], sides: [..,4].
Tensor around(const Tensor& points, const Tensor& sides) {
  return at::cat({points - sides.slice(-1, 0, 2), points + sides.slice(-1, 2, 4)}, -1);
}

/// Minus the log-likelihood of sides `wanted` [F,4], in bins, under log_p [F,4,reg_max], linear between bins. [F]: the
/// mean over sides.
Tensor distribution_focal_loss(const Tensor& log_p, const Tensor& wanted) {
  const Tensor left = wanted.floor();
  const Tensor bin = left.to(at::kLong).unsqueeze(2);
  const Tensor right_share = wanted - left;
  const Tensor at_left = log_p.gather(2, bin).squeeze(2), at_right = log_p.gather(2, bin + 1).squeeze(2);
  return -(at_left * (1 - right_share) + at_right * right_share).mean(1);
}

}  // namespace

Yolov8Loss::Yolov8Loss(models::DetectHead head, const LossGains& gains, std::shared_ptr<const SharedBatch> shared)
    : head_(std::move(head)), gains_(gains), shared_(std::move(shared)) {
  if (head_.reg_max < 2) {
    fail(ErrorKind::unsupported, "[train.yolov8_loss] expected reg_max of 2 or more, got {}", head_.reg_max);
  }
}

DetectLoss Yolov8Loss::operator()(const std::vector<Tensor>& outputs, const Tensor& targets) const {
  check_outputs(head_, outputs);
  const int64_t images = outputs[0].size(0);
  const at::ScalarType type = working_type(outputs[0]);
  const auto stride = static_cast<double>(head_.strides[0]);
  const Cells cells = cells_of(outputs, head_.strides, type);
  const Tensor sides = by_cell(outputs, 0);              // [N,A,4 reg_max], of the outputs' type
  const Tensor logits = by_cell(outputs, 1).to(type);    // [N,A,C]
  const auto log_likelihood = [&](const Tensor& rows) {  // [..,4 reg_max] -> [..,4,reg_max]
    return rows.to(type).unflatten(-1, {kSides, head_.reg_max}).log_softmax(-1);
  };
  const AlignedTargets objects = aligned_targets(
      read_targets(targets, images, head_.class_count()), static_cast<double>(outputs[0].size(3)) * stride,
      static_cast<double>(outputs[0].size(2)) * stride, cells.points.options());

  Assignment given;
  {
    const torch::NoGradGuard no_grad;
    const Tensor boxes = around(cells.points, expected_sides(log_likelihood(sides))) * cells.strides;
    given = assign_task_aligned(logits, boxes, cells.points * cells.strides, objects);
  }
  const Tensor normalizer = shared_->summed(given.score.sum()).clamp_min(1);
  const auto weighted = [&](const Tensor& losses, double gain) {
    return (losses * given.score).sum() / normalizer * gain;
  };

  const Tensor label = objects.label.index_select(0, given.target);
  const Tensor own = (logits.index({given.image, given.cell, label}) * given.score).sum();
  const Tensor cls = (at::softplus(logits).sum() - own) / normalizer * gains_.cls;

  const Tensor log_p = log_likelihood(sides.index({given.image, given.cell}));  // [F,4,reg_max]
  const Tensor points = cells.points.index_select(0, given.cell);
  const Tensor wanted = objects.box.index_select(0, given.target) / cells.strides.index_select(0, given.cell);
  const Tensor box = weighted(1 - complete_iou(around(points, expected_sides(log_p)), wanted), gains_.box);
  const Tensor wanted_sides = at::cat({points - wanted.slice(1, 0, 2), wanted.slice(1, 2, 4) - points}, 1);
  const Tensor dfl = weighted(
      distribution_focal_loss(log_p, wanted_sides.clamp(0, static_cast<double>(head_.reg_max - 1) - kBinMargin)),
      gains_.dfl);
  return {(box + cls + dfl) * static_cast<double>(images), box.detach(), at::zeros({}, box.options()), cls.detach(),
          dfl.detach()};
}

}  // namespace quench::train
