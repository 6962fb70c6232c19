#include "prediction/form.h"

#include <fmt/format.h>

#include <cmath>
#include <map>

#include "core/printable.h"

namespace quench::prediction {
namespace {

double nearest(double value, double steps) { return std::round(value * steps) / steps; }

/// Text between tabs: what would end it, and what is written for that, is escaped.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '\t': out += "\\t"; break;
      case '\n': out += "\\n"; break;
      case '\\': out += "\\\\"; break;
      default: out += c;
    }
  }
  return printable(out);
}

}  // namespace

std::string found_text(const Prediction& prediction, const Vocabulary& words) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  std::map<int32_t, int> counts;
  for (const models::Detection& found : prediction.detections) ++counts[found.label];
  for (const auto& [label, count] : counts) add(fmt::format("{} {}", count, words.class_name(label)));
  for (const ClassScore& entry : prediction.top) {
    add(fmt::format("{} {:.2f}", words.class_name(entry.label), entry.score));
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

std::string tab_text(const std::string& file, int64_t frame, const Prediction& prediction, const Vocabulary& words) {
  std::string text;
  const std::string first = cell(frame < 0 ? file : fmt::format("{}:{}", file, frame));
  const auto begin = [&](int32_t label, double score) {
    text += fmt::format("{}\t{}\t{:.5f}", first, cell(words.class_name(label)), score);
  };
  for (const models::Detection& found : prediction.detections) {
    const Box& box = found.box;
    begin(found.label, found.score);
    text += fmt::format("\t{:.3f}\t{:.3f}\t{:.3f}\t{:.3f}\n", box.x1, box.y1, box.width(), box.height());
  }
  for (const ClassScore& likely : prediction.top) {
    begin(likely.label, likely.score);
    text += '\n';
  }
  return text;
}

Json found_json(const Prediction& prediction, const Vocabulary& words, bool rounded) {
  const auto kept = [rounded](double value, double steps) { return rounded ? nearest(value, steps) : value; };
  Json list = Json::array();
  const auto entry = [&](int32_t label) {
    return Json{{"category_id", label}, {"category_name", words.class_name(label)}};
  };
  for (const models::Detection& found : prediction.detections) {
    Json row = entry(found.label);
    const Box& box = found.box;
    row["bbox"] = Json::array();
    for (const double value : {box.x1, box.y1, box.width(), box.height()}) row["bbox"].push_back(kept(value, 1e3));
    row["score"] = kept(found.score, 1e5);
    list.push_back(std::move(row));
  }
  for (const ClassScore& likely : prediction.top) {
    Json row = entry(likely.label);
    row["score"] = kept(likely.score, 1e5);
    list.push_back(std::move(row));
  }
  return list;
}

Json to_json(const std::string& name, int64_t frame, const Prediction& prediction, const Vocabulary& words,
             bool rounded) {
  return {{"file_name", name},
          {"frame", frame < 0 ? Json() : Json(frame)},
          {"height", prediction.height},
          {"width", prediction.width},
          {words.detects() ? "detections" : "top", found_json(prediction, words, rounded)},
          {"preprocess_ns", prediction.preprocess_ns},
          {"inference_ns", prediction.inference_ns},
          {"postprocess_ns", prediction.postprocess_ns}};
}

}  // namespace quench::prediction
