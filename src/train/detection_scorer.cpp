#include "train/detection_scorer.h"

#include <utility>

#include "models/decode.h"

namespace quench::train {
namespace {

std::vector<metrics::CocoCategory> categories(const data::Dataset& split) {
  std::vector<metrics::CocoCategory> out;
  for (const std::string& name : split.classes()) out.push_back({static_cast<int64_t>(out.size()), name});
  return out;
}

}  // namespace

DetectionScorer::DetectionScorer(models::DetectHead head, const data::Dataset& split, const models::NmsOptions& options)
    : head_(std::move(head)), split_(split), options_(options), coco_(categories(split)) {}

const std::vector<models::Detection>& DetectionScorer::add(std::span<const Tensor> outputs, int64_t in_batch,
                                                           int64_t index, const data::Letterbox& letterbox) {
  last_ = models::non_max_suppression(models::decode(head_, outputs, in_batch, options_.confidence), options_);
  coco_.add_image(index);
  for (models::Detection& found : last_) {
    found.box = letterbox.to_image(found.box);
    const Box& b = found.box;
    coco_.add_detection({index, found.label, b.x1, b.y1, b.width(), b.height(), found.score});
  }
  for (const data::Object& object : split_.objects(index)) {
    const Box& b = object.box;
    coco_.add_truth({index, object.label, b.x1, b.y1, b.width(), b.height(), object.area, object.crowd});
  }
  ++images_;
  return last_;
}

Scores DetectionScorer::scores() const {
  const metrics::CocoResult result = coco_.evaluate();
  Scores scores{{"map_50_95", result.map_50_95.value_or(0)}, {"map_50", result.map_50.value_or(0)}};
  for (const auto& [name, value] : metrics::figures(result)) {
    const bool recorded = !name.starts_with("ar_") || name == "ar_1" || name == "ar_10" || name == "ar_100";
    if (value && recorded && name != "map_50_95" && name != "map_50") scores.push_back({name, *value});
  }
  return scores;
}

}  // namespace quench::train
