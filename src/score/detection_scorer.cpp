#include "score/detection_scorer.h"

#include <algorithm>
#include <utility>

#include "core/task.h"
#include "models/decode.h"

namespace quench::score {
namespace {

std::vector<metrics::CocoCategory> categories(std::span<const std::string> classes) {
  std::vector<metrics::CocoCategory> out;
  for (const std::string& name : classes) out.push_back({static_cast<int64_t>(out.size()), name});
  return out;
}

}  // namespace

models::NmsOptions nms_options(const Json& detect) {
  models::NmsOptions options;
  options.confidence = detect["confidence"].get<float>();
  options.iou = detect["iou"];
  options.multi_label = detect["multi_label"];
  options.class_agnostic = detect["class_agnostic"];
  options.max_detections = detect["max_detections"];
  return options;
}

DetectionScorer::DetectionScorer(models::DetectHead head, std::span<const std::string> classes,
                                 const models::NmsOptions& options)
    : head_(std::move(head)), options_(options), coco_(categories(classes)) {}

std::vector<models::Detection> DetectionScorer::find(std::span<const Tensor> outputs, int64_t in_batch) const {
  return models::non_max_suppression(models::decode(head_, outputs, in_batch, options_.confidence), options_);
}

const std::vector<models::Detection>& DetectionScorer::add(int64_t image_id, std::vector<models::Detection> found,
                                                           const Letterbox& letterbox,
                                                           std::span<const Object> objects) {
  last_ = std::move(found);
  coco_.add_image(image_id);
  for (models::Detection& detection : last_) {
    detection.box = letterbox.to_image(detection.box);
    const Box& b = detection.box;
    coco_.add_detection({image_id, detection.label, b.x1, b.y1, b.width(), b.height(), detection.score});
  }
  for (const Object& object : objects) {
    const Box& b = object.box;
    coco_.add_truth({image_id, object.label, b.x1, b.y1, b.width(), b.height(), object.area, object.crowd});
  }
  ++images_;
  return last_;
}

Scores DetectionScorer::scores() const {
  Scores scores;
  const std::vector<std::string>& recorded = require_task("detect", "[score]").figures;
  for (const auto& [name, value] : metrics::figures(coco_.evaluate())) {
    if (value && std::ranges::count(recorded, name) > 0) scores.push_back({name, *value});
  }
  return scores;
}

}  // namespace quench::score
