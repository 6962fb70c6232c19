#include "inference/annotated.h"

#include <fmt/format.h>

#include "data/pictures/draw_boxes.h"

namespace quench::inference {

Tensor annotated(const Tensor& pixels, const Prediction& prediction, const Vocabulary& words) {
  const auto text = [&](int32_t label, float score) {
    return fmt::format("{} {:.2f}", words.class_name(label), score);
  };
  std::vector<data::LabelledBox> boxes;
  for (const models::Detection& found : prediction.detections) {
    boxes.push_back({found.box, found.label, text(found.label, found.score)});
  }
  if (!prediction.top.empty()) {
    const auto& best = prediction.top.front();
    const Box whole{0, 0, static_cast<double>(prediction.width), static_cast<double>(prediction.height)};
    boxes.push_back({whole, best.label, text(best.label, best.score), false});
  }
  return data::draw_boxes(pixels, boxes);
}

}  // namespace quench::inference
