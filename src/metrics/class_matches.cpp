#include "metrics/class_matches.h"

#include <algorithm>
#include <span>

#include "metrics/coco_groups.h"
#include "metrics/coco_match.h"

namespace quench::metrics {

std::vector<ClassMatches> class_matches(int64_t classes, const std::vector<CocoTruth>& truths,
                                        const std::vector<CocoDetection>& detections) {
  constexpr int kEverySize = 0;
  const std::vector<CocoTruth> true_boxes = grouped(truths, [](const CocoTruth&, const CocoTruth&) { return false; });
  const std::vector<CocoDetection> found =
      grouped(detections, [](const CocoDetection& a, const CocoDetection& b) { return a.score > b.score; });
  std::span<const CocoTruth> truths_left = true_boxes;
  std::span<const CocoDetection> found_left = found;
  take_while(truths_left, [](const CocoTruth& truth) { return truth.category_id < 0; });
  take_while(found_left, [](const CocoDetection& detection) { return detection.category_id < 0; });
  std::vector<ClassMatches> all(static_cast<size_t>(classes));
  CocoMatcher matcher;
  std::vector<CocoMatch> matches;
  for (int64_t c = 0; c < classes; ++c) {
    const auto of_class = [c](const auto& box) { return box.category_id == c; };
    const std::span<const CocoTruth> here = take_while(truths_left, of_class);
    ClassMatches& one = all[static_cast<size_t>(c)];
    one.truths = std::ranges::count(here, false, &CocoTruth::crowd);
    match_images(here, take_while(found_left, of_class), matcher, matches);
    for (const CocoMatch& match : matches) {
      if (match.ignored[kEverySize] & 1u) continue;
      one.found.push_back({match.score, (match.matched[kEverySize] & 1u) != 0});
    }
  }
  return all;
}

}  // namespace quench::metrics
