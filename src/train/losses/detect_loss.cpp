#include "train/losses/detect_loss.h"

#include "core/error.h"
#include "train/losses/yolov5_loss.h"
#include "train/losses/yolov8_loss.h"

namespace quench::train {
namespace {

int64_t channels_of(const models::DetectHead& head, size_t output) {
  if (head.anchor_free()) return output % 2 == 0 ? 4 * head.reg_max : head.class_count();
  return static_cast<int64_t>(head.anchors[output].size()) * (5 + head.class_count());
}

}  // namespace

LossGains default_gains(const models::DetectHead& head) {
  LossGains gains;
  gains.box = head.anchor_free() ? 7.5 : 0.05;
  gains.obj = head.anchor_free() ? 0 : 1.0;
  gains.cls = 0.5;
  gains.dfl = head.anchor_free() ? 1.5 : 0;
  return gains;
}

std::unique_ptr<DetectCriterion> make_criterion(const models::DetectHead& head, const LossGains& gains,
                                                std::shared_ptr<const SharedBatch> shared) {
  for (const double gain : {gains.box, gains.obj, gains.cls, gains.dfl}) {
    if (!(gain >= 0)) fail(ErrorKind::config, "[train.detect_loss] expected gains of 0 or more, got {}", gain);
  }
  if (!(gains.label_smoothing >= 0 && gains.label_smoothing < 1)) {
    fail(ErrorKind::config, "[train.detect_loss] expected label_smoothing in [0,1), got {}", gains.label_smoothing);
  }
  if (head.anchor_free()) return std::make_unique<Yolov8Loss>(head, gains, std::move(shared));
  return std::make_unique<Yolov5Loss>(head, gains, std::move(shared));
}

at::ScalarType working_type(const torch::Tensor& t) {
  return t.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

void check_outputs(const models::DetectHead& head, const std::vector<torch::Tensor>& outputs) {
  const size_t per_level = static_cast<size_t>(head.outputs_per_level());
  if (outputs.size() != head.strides.size() * per_level) {
    fail(ErrorKind::data, "[train.detect_loss] expected {} outputs, got {}", head.strides.size() * per_level,
         outputs.size());
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    const torch::Tensor& output = outputs[i];
    const torch::Tensor& first = outputs[i - i % per_level];  // of the same level
    if (output.dim() != 4 || output.size(1) != channels_of(head, i)) {
      fail(ErrorKind::data, "[train.detect_loss] expected output {} of {} channels, got {} dimensions, {} channels", i,
           channels_of(head, i), output.dim(), output.dim() > 1 ? output.size(1) : 0);
    }
    if (output.size(0) != outputs[0].size(0) || output.size(2) != first.size(2) || output.size(3) != first.size(3) ||
        output.scalar_type() != outputs[0].scalar_type() || output.device() != outputs[0].device()) {
      fail(ErrorKind::data,
           "[train.detect_loss] expected outputs of one batch, type and device, got another (output {})", i);
    }
    if (output.numel() == 0) fail(ErrorKind::data, "[train.detect_loss] expected images, got none (output {})", i);
  }
}

}  // namespace quench::train
