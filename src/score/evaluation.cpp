#include "score/evaluation.h"

#include <cmath>

#include "core/error.h"
#include "metrics/top_k.h"

namespace quench::score {
namespace {

constexpr double kSameBoxIou = 0.8;

/// Boxes of `a` that have a partner of their own in `b`.
int64_t matches(const std::vector<models::Detection>& a, const std::vector<models::Detection>& b) {
  std::vector<bool> taken(b.size(), false);
  int64_t count = 0;
  for (const models::Detection& box : a) {
    for (size_t i = 0; i < b.size(); ++i) {
      if (taken[i] || b[i].label != box.label || iou(b[i].box, box.box) < kSameBoxIou) continue;
      taken[i] = true;
      ++count;
      break;
    }
  }
  return count;
}

models::Detection detection_from(const Json& row) {
  return {{row.at(2).get<double>(), row.at(3).get<double>(), row.at(4).get<double>(), row.at(5).get<double>()},
          row.at(1).get<float>(),
          row.at(0).get<int32_t>()};
}

bool sound(const models::Detection& found) {
  const Box& b = found.box;
  return found.label >= 0 && std::isfinite(found.score) && std::isfinite(b.x1 + b.y1 + b.x2 + b.y2);
}

}  // namespace

double agreement(const Evaluation& a, const Evaluation& b) {
  if (a.detections.empty() && b.detections.empty()) return metrics::agreement(a.predictions, b.predictions);
  ensure(a.detections.size() == b.detections.size(), "[score.agreement] expected {} images, got {}",
         a.detections.size(), b.detections.size());
  int64_t pairs = 0, boxes = 0;
  for (size_t i = 0; i < a.detections.size(); ++i) {
    pairs += matches(a.detections[i], b.detections[i]);
    boxes += static_cast<int64_t>(a.detections[i].size() + b.detections[i].size());
  }
  return boxes == 0 ? 1 : 2.0 * static_cast<double>(pairs) / static_cast<double>(boxes);
}

Json to_json(const Evaluation& evaluation) {
  Json scores = Json::object(), detections = Json::array();
  for (const Score& score : evaluation.scores) scores[score.name] = score.value;
  for (const auto& image : evaluation.detections) {
    Json& boxes = detections.emplace_back(Json::array());
    for (const models::Detection& d : image) {
      boxes.push_back(Json::array({d.label, d.score, d.box.x1, d.box.y1, d.box.x2, d.box.y2}));
    }
  }
  Json left_out = Json::array();
  for (const LeftOutImage& image : evaluation.left_out) {
    left_out.push_back(Json::array({image.index, image.name, image.problem}));
  }
  Json json{{"scores", std::move(scores)},
            {"samples", evaluation.samples},
            {"left_out", std::move(left_out)},
            {"predictions", evaluation.predictions},
            {"detections", std::move(detections)}};
  if (evaluation.outcomes) json["outcomes"] = metrics::to_json(*evaluation.outcomes);
  return json;
}

Evaluation evaluation_from(const Json& json, std::string_view where) {
  const auto wrong = [&](std::string_view got) {
    fail(ErrorKind::data, "[score.evaluation] expected an evaluation, got {} ({})", got, where);
  };
  Evaluation out;
  try {
    if (!json.at("scores").is_object()) wrong("no scores by name");
    for (const auto& [name, value] : json.at("scores").items()) out.scores.push_back({name, value.get<double>()});
    out.samples = json.at("samples");
    for (const Json& image : json.at("left_out")) {
      out.left_out.push_back(
          {image.at(0).get<int64_t>(), image.at(1).get<std::string>(), image.at(2).get<std::string>()});
    }
    out.predictions = json.at("predictions").get<std::vector<int32_t>>();
    for (const Json& image : json.at("detections")) {
      std::vector<models::Detection>& boxes = out.detections.emplace_back();
      for (const Json& row : image) boxes.push_back(detection_from(row));
    }
    if (json.contains("outcomes")) out.outcomes = metrics::outcomes_from(json["outcomes"], where);
  } catch (const Json::exception& error) {
    wrong(error.what());
  }
  for (const Score& score : out.scores) {
    if (!(score.value >= 0 && score.value <= 1)) wrong(fmt::format("{} of {}", score.name, score.value));
  }
  if (out.samples > 0 && out.predictions.empty() && out.detections.empty()) wrong("nothing that was said");
  for (const size_t images : {out.predictions.size(), out.detections.size()}) {
    if (images != 0 && static_cast<int64_t>(images) != out.samples) {
      wrong(fmt::format("what was said of {} images instead of {}", images, out.samples));
    }
  }
  if (out.outcomes && out.outcomes->images() != out.samples) {
    wrong(fmt::format("outcomes of {} images instead of {}", out.outcomes->images(), out.samples));
  }
  for (const int32_t label : out.predictions) {
    if (label < -1) wrong(fmt::format("class {}", label));
  }
  for (const auto& image : out.detections) {
    for (const models::Detection& found : image) {
      if (!sound(found)) wrong("a box that is none");
    }
  }
  return out;
}

}  // namespace quench::score
