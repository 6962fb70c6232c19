#include "train/loop/detect_gains.h"

namespace quench::train {

LossGains detect_gains(const models::DetectHead& head, const FitSettings& settings) {
  LossGains gains = default_gains(head);
  const auto replace = [](double& gain, double wanted) { gain = wanted > 0 ? wanted : gain; };
  replace(gains.box, settings.box_gain);
  replace(gains.obj, settings.objectness_gain);
  replace(gains.cls, settings.class_gain);
  replace(gains.dfl, settings.dfl_gain);
  gains.label_smoothing = settings.label_smoothing;
  return gains;
}

}  // namespace quench::train
