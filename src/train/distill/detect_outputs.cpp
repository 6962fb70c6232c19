#include "train/distill/detect_outputs.h"

#include "train/distill/softened.h"
#include "train/losses/yolov5_loss.h"

namespace quench::train {
namespace {

using torch::Tensor;

constexpr int64_t kBoxSides = 4;
constexpr int64_t kObjectnessChannel = 4;

/// total: the weights' sum over the whole batch.
Tensor weighted_mean(const Tensor& losses, const Tensor& weights, const Tensor& total) {
  return (losses * weights).sum() / total.clamp_min(1);
}

/// [N,C,H,W] -> [N,H,W,C]
Tensor channels_at_end(const Tensor& output) { return output.permute({0, 2, 3, 1}); }

Tensor anchor_free_loss(const models::DetectHead& head, const LossGains& gains, double temperature,
                        const std::vector<Tensor>& student, const std::vector<Tensor>& teacher,
                        const SharedBatch& shared) {
  const at::ScalarType type = working_type(student[0]);
  Tensor cls = at::zeros({}, student[0].options().dtype(type)), box = cls, confidence = cls;
  for (size_t i = 0; i < student.size(); i += 2) {
    const Tensor scores = teacher[i + 1].detach().to(type);
    const Tensor weights = std::get<0>(scores.max(1)).sigmoid();  // [N,H,W]
    const auto bins = [&](const Tensor& sides) {
      return channels_at_end(sides).unflatten(-1, {kBoxSides, head.reg_max});
    };
    const Tensor sides = softened_divergence(bins(student[i]), bins(teacher[i]), temperature).mean(-1);
    box = box + (sides * weights).sum();
    cls = cls + binary_divergence(student[i + 1], scores, temperature).sum();
    confidence = confidence + weights.sum();
  }
  return (cls * gains.cls + box * gains.dfl) / shared.summed(confidence).clamp_min(1);
}

/// Centre in cells and size in anchors, as Yolov5Loss reads them; x, y, w, h stand last.
Tensor box_of(const Tensor& logits) {
  const Tensor twice = logits.sigmoid() * 2;
  return at::cat({twice.slice(-1, 0, 2), twice.slice(-1, 2, 4).square()}, -1);
}

Tensor anchor_loss(const models::DetectHead& head, const LossGains& given, double temperature,
                   const std::vector<Tensor>& student, const std::vector<Tensor>& teacher, const SharedBatch& shared) {
  const at::ScalarType type = working_type(student[0]);
  const auto stride = static_cast<double>(head.strides[0]);
  const double pixels = static_cast<double>(student[0].size(2) * student[0].size(3)) * stride * stride;
  const LossGains gains = yolov5_gains(given, student.size(), head.class_count(), pixels);
  const std::vector<double> balance = yolov5_level_balance(student.size());
  Tensor sum = at::zeros({}, student[0].options().dtype(type));
  for (size_t level = 0; level < student.size(); ++level) {
    const auto rows = [&](const Tensor& output) {  // [N,H,W,A,5+classes]
      const auto anchors = static_cast<int64_t>(head.anchors[level].size());
      return channels_at_end(output.to(type)).unflatten(-1, {anchors, 5 + head.class_count()});
    };
    const Tensor s = rows(student[level]), t = rows(teacher[level].detach());
    const Tensor t_objectness = t.select(-1, kObjectnessChannel), weights = t_objectness.sigmoid(),
                 total = shared.summed(weights.sum());
    const Tensor objectness = binary_divergence(s.select(-1, kObjectnessChannel), t_objectness, temperature).mean();
    const Tensor box = (box_of(s.slice(-1, 0, kBoxSides)) - box_of(t.slice(-1, 0, kBoxSides))).square().mean(-1);
    sum = sum + objectness * (balance[level] * gains.obj * shared.share()) +
          weighted_mean(box, weights, total) * gains.box;
    if (head.class_count() > 1) {
      const auto classes = [](const Tensor& row) { return row.slice(-1, kObjectnessChannel + 1); };
      const Tensor cls = binary_divergence(classes(s), classes(t), temperature).mean(-1);
      sum = sum + weighted_mean(cls, weights, total) * gains.cls;
    }
  }
  return sum;
}

}  // namespace

Tensor detect_outputs_loss(const models::DetectHead& head, const LossGains& gains, double temperature,
                           const std::vector<Tensor>& student, const std::vector<Tensor>& teacher,
                           const SharedBatch& shared) {
  check_outputs(head, student);
  check_outputs(head, teacher);
  const auto loss = head.anchor_free() ? anchor_free_loss : anchor_loss;
  return loss(head, gains, temperature, student, teacher, shared);
}

}  // namespace quench::train
