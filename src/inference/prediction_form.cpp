#include "inference/prediction_form.h"

#include <fmt/format.h>

#include <cmath>
#include <map>

#include "data/pictures/draw_boxes.h"

namespace quench::inference {
namespace {

double rounded(double value, double steps) { return std::round(value * steps) / steps; }

}  // namespace

std::string found_text(const Prediction& prediction, const Predictor& predictor) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  std::map<int32_t, int> counts;
  for (const models::Detection& found : prediction.detections) ++counts[found.label];
  for (const auto& [label, count] : counts) add(fmt::format("{} {}", count, predictor.class_name(label)));
  for (const ClassScore& entry : prediction.top) {
    add(fmt::format("{} {:.2f}", predictor.class_name(entry.label), entry.score));
  }
  return text.empty() ? "nothing" : text;
}

std::string yolo_text(const Prediction& prediction) {
  std::string text;
  const auto width = static_cast<double>(prediction.width), height = static_cast<double>(prediction.height);
  for (const models::Detection& found : prediction.detections) {
    const Box& box = found.box;
    text += fmt::format("{} {:.6f} {:.6f} {:.6f} {:.6f} {:.6f}\n", found.label, (box.x1 + box.x2) / 2 / width,
                        (box.y1 + box.y2) / 2 / height, box.width() / width, box.height() / height, found.score);
  }
  for (const ClassScore& entry : prediction.top) text += fmt::format("{} {:.6f}\n", entry.label, entry.score);
  return text;
}

Json found_json(const Prediction& prediction, const Predictor& predictor) {
  Json list = Json::array();
  const auto entry = [&](int32_t label) {
    return Json{{"category_id", label}, {"category_name", predictor.class_name(label)}};
  };
  for (const models::Detection& found : prediction.detections) {
    Json row = entry(found.label);
    const Box& box = found.box;
    row["bbox"] = Json::array();
    for (const double value : {box.x1, box.y1, box.width(), box.height()}) row["bbox"].push_back(rounded(value, 1e3));
    row["score"] = rounded(found.score, 1e5);
    list.push_back(std::move(row));
  }
  for (const ClassScore& likely : prediction.top) {
    Json row = entry(likely.label);
    row["score"] = rounded(likely.score, 1e5);
    list.push_back(std::move(row));
  }
  return list;
}

Tensor annotated(const Tensor& pixels, const Prediction& prediction, const Predictor& predictor) {
  const auto text = [&](int32_t label, float score) {
    return fmt::format("{} {:.2f}", predictor.class_name(label), score);
  };
  std::vector<data::LabelledBox> boxes;
  for (const models::Detection& found : prediction.detections) {
    boxes.push_back({found.box, found.label, text(found.label, found.score)});
  }
  if (!prediction.top.empty()) {
    const ClassScore& best = prediction.top.front();
    const Box whole{0, 0, static_cast<double>(prediction.width), static_cast<double>(prediction.height)};
    boxes.push_back({whole, best.label, text(best.label, best.score), false});
  }
  return data::draw_boxes(pixels, boxes);
}

Json to_json(const data::SourceImage& image, const Prediction& prediction, const Predictor& predictor) {
  return {{"file_name", image.name},
          {"frame", image.frame < 0 ? Json() : Json(image.frame)},
          {"height", prediction.height},
          {"width", prediction.width},
          {predictor.detects() ? "detections" : "top", found_json(prediction, predictor)},
          {"preprocess_ns", prediction.preprocess_ns},
          {"inference_ns", prediction.inference_ns},
          {"postprocess_ns", prediction.postprocess_ns}};
}

}  // namespace quench::inference
