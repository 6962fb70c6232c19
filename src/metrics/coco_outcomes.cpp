#include "metrics/coco_outcomes.h"

#include <algorithm>
#include <span>

#include "metrics/coco_map.h"
#include "metrics/coco_match.h"

namespace quench::metrics {
namespace {

constexpr int kAllSizes = 0;

std::vector<CocoTruthCount> count_truths(std::span<const CocoTruth> truths, const auto& index_of) {
  std::vector<CocoTruthCount> counts;
  for (const CocoTruth& truth : truths) {
    if (truth.crowd || (outside_areas(truth.area) >> kAllSizes & 1u)) continue;
    const uint32_t image = index_of(truth.image_id);
    if (counts.empty() || counts.back().image != image) counts.push_back({image, 0});
    ++counts.back().count;
  }
  return counts;
}

}  // namespace

CocoOutcomes CocoEvaluation::outcomes() const {
  const std::vector<int64_t> ids = image_ids();
  const auto index_of = [&ids](int64_t id) {
    return static_cast<uint32_t>(std::ranges::lower_bound(ids, id) - ids.begin());
  };
  CocoOutcomes outcomes{.images = static_cast<int64_t>(ids.size()), .classes = {}};
  CocoMatcher matcher;
  std::vector<CocoMatch> matches;
  for_each_class(
      [&](const CocoCategory&, std::span<const CocoTruth> truths, std::span<const CocoDetection> detections) {
        CocoClassOutcomes& of_class = outcomes.classes.emplace_back();
        of_class.truths = count_truths(truths, index_of);
        match_images(truths, detections, matcher, matches);
        size_t used = 0;  // detections up to the last that is right anywhere
        for (const CocoMatch& match : matches) {
          const unsigned ignored = match.ignored[kAllSizes];
          const unsigned right = match.matched[kAllSizes] & ~ignored;
          of_class.detections.push_back(
              {index_of(match.image_id), static_cast<uint16_t>(right), static_cast<uint16_t>(ignored)});
          if (right != 0) used = of_class.detections.size();
        }
        of_class.detections.resize(used);
      });
  return outcomes;
}

}  // namespace quench::metrics
