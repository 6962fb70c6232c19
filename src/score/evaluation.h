#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/labelled_images.h"
#include "metrics/outcomes.h"
#include "models/nms.h"
#include "score/scores.h"

namespace quench::score {

/// How good a model is on some images, and what it said of them.
struct Evaluation {
  Scores scores;        ///< named as record fields: top1 top5, or map_50_95 map_50 map_75 map_95 ...
  int64_t samples = 0;  ///< images that count
  std::vector<LeftOutImage> left_out = {};                 ///< those of the split that cannot be read
  std::vector<int32_t> predictions;                        ///< classification: of each image
  std::vector<std::vector<models::Detection>> detections;  ///< detection: of each image, in its pixels; with score
                                                           ///< kShownConfidence or above
  /// What each image adds to the scores. Evaluations of earlier versions have none.
  std::optional<metrics::Outcomes> outcomes = {};
  bool operator==(const Evaluation&) const = default;
};

/// Boxes below it are not shown to people, and not compared between simulation and reality.
inline constexpr float kShownConfidence = 0.25f;

/// How far two evaluations of the same images agree, in [0,1]. Classification: equal predictions over images.
/// Detection: twice the pairs of boxes (same image and class, IoU 0.8 or more, best score first) over all boxes of
/// both; 1 where there are none. Throws Error{internal} where the numbers of images differ.
double agreement(const Evaluation& a, const Evaluation& b);

/// {scores, samples, left_out, predictions, detections, outcomes}; a left-out image is [index, name, problem], a box is
/// [label, score, x1, y1, x2, y2]. Outcomes are as metrics/outcomes.h says; no key where there are none.
Json to_json(const Evaluation& evaluation);

/// Inverse of to_json. Throws Error{data} naming `where` for what it cannot have made: another form, predictions of
/// other numbers of images than `samples`, a class below -1, a box or score that is not finite.
Evaluation evaluation_from(const Json& json, std::string_view where);

}  // namespace quench::score
