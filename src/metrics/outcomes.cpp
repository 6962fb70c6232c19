#include "metrics/outcomes.h"

#include "core/error.h"
#include "metrics/coco_match.h"

namespace quench::metrics {
namespace {

constexpr int64_t kMostImages = int64_t{1} << 31;
constexpr char kLastDigit = '5';

Json to_json(const CocoClassOutcomes& outcomes) {
  Json detections = Json::array(), truths = Json::array();
  for (const CocoOutcome& found : outcomes.detections) {
    detections.push_back(found.image);
    detections.push_back(found.matched);
    detections.push_back(found.ignored);
  }
  for (const CocoTruthCount& truth : outcomes.truths) {
    truths.push_back(truth.image);
    truths.push_back(truth.count);
  }
  return {{"detections", std::move(detections)}, {"truths", std::move(truths)}};
}

/// Reads rows of numbers from a flat list, each below its bound.
class Rows {
 public:
  Rows(const Json& list, size_t columns, std::string_view where) : list_(list), where_(where) {
    if (!list.is_array() || list.size() % columns != 0) wrong("a list of another length");
  }
  bool at_end() const { return next_ == list_.size(); }
  uint32_t take(int64_t bound) {
    const Json& number = list_[next_++];
    const int64_t value = number.is_number_integer() ? number.get<int64_t>() : -1;
    if (value < 0 || value >= bound) wrong(number.dump());
    return static_cast<uint32_t>(value);
  }

 private:
  [[noreturn]] void wrong(std::string_view got) const {
    fail(ErrorKind::data, "[metrics.outcomes] expected outcomes of images, got {} ({})", got, where_);
  }
  const Json& list_;
  std::string_view where_;
  size_t next_ = 0;
};

CocoClassOutcomes class_from(const Json& json, int64_t images, std::string_view where) {
  CocoClassOutcomes out;
  constexpr int64_t kBits = kCocoAllThresholds + 1;
  for (Rows rows(json.at("detections"), 3, where); !rows.at_end();) {
    CocoOutcome& found = out.detections.emplace_back();
    found.image = rows.take(images);
    found.matched = static_cast<uint16_t>(rows.take(kBits));
    found.ignored = static_cast<uint16_t>(rows.take(kBits));
  }
  for (Rows rows(json.at("truths"), 2, where); !rows.at_end();) {
    CocoTruthCount& truth = out.truths.emplace_back();
    truth.image = rows.take(images);
    truth.count = rows.take(kMostImages);
  }
  return out;
}

}  // namespace

Json to_json(const Outcomes& outcomes) {
  Json json{{"truth", outcomes.truth}};
  if (!outcomes.ahead.empty()) {
    std::string digits;
    for (const uint8_t ahead : outcomes.ahead) digits.push_back(static_cast<char>('0' + ahead));
    json["ahead"] = std::move(digits);
    return json;
  }
  json["images"] = outcomes.boxes.images;
  json["classes"] = Json::array();
  for (const CocoClassOutcomes& of_class : outcomes.boxes.classes) json["classes"].push_back(to_json(of_class));
  return json;
}

Outcomes outcomes_from(const Json& json, std::string_view where) {
  const auto wrong = [&](std::string_view got) {
    fail(ErrorKind::data, "[metrics.outcomes] expected outcomes of images, got {} ({})", got, where);
  };
  Outcomes out;
  try {
    out.truth = json.at("truth").get<std::string>();
    if (json.contains("ahead")) {
      for (const char digit : json["ahead"].get<std::string>()) {
        if (digit < '0' || digit > kLastDigit) wrong(fmt::format("'{}' classes before the right one", digit));
        out.ahead.push_back(static_cast<uint8_t>(digit - '0'));
      }
      return out;
    }
    out.boxes.images = json.at("images").get<int64_t>();
    if (out.boxes.images < 0 || out.boxes.images > kMostImages) wrong(fmt::format("{} images", out.boxes.images));
    for (const Json& of_class : json.at("classes")) {
      out.boxes.classes.push_back(class_from(of_class, out.boxes.images, where));
    }
  } catch (const Json::exception& error) {
    wrong(error.what());
  }
  return out;
}

}  // namespace quench::metrics
