#include "metrics/coco_match.h"

#include <algorithm>
#include <limits>

#include "metrics/coco_groups.h"

namespace quench::metrics {
namespace {

constexpr double kSmall = 32.0 * 32, kMedium = 96.0 * 96, kLargest = 1e5 * 1e5;
constexpr std::array<double, kCocoAreas> kLow{0, 0, kSmall, kMedium};
constexpr std::array<double, kCocoAreas> kHigh{kLargest, kSmall, kMedium, kLargest};

/// Intersection over union; with a crowd, over the detection's area. 0 where they do not overlap.
double iou(const CocoDetection& detection, const CocoTruth& truth) {
  const double w = std::min(detection.x + detection.w, truth.x + truth.w) - std::max(detection.x, truth.x);
  if (w <= 0) return 0;
  const double h = std::min(detection.y + detection.h, truth.y + truth.h) - std::max(detection.y, truth.y);
  if (h <= 0) return 0;
  const double shared = w * h, area = detection.w * detection.h;
  return shared / (truth.crowd ? area : area + truth.w * truth.h - shared);
}

}  // namespace

unsigned outside_areas(double area) {
  unsigned outside = 0;
  for (int a = 0; a < kCocoAreas; ++a) outside |= static_cast<unsigned>(area < kLow[a] || area > kHigh[a]) << a;
  return outside;
}

int64_t CocoMatcher::choose(std::span<const CocoTruth> truths, int area, int threshold) const {
  for (const unsigned ignored : {0u, 1u}) {
    int64_t found = -1;
    double best = kCocoIou[threshold];
    for (const Candidate& candidate : candidates_) {
      const size_t g = candidate.truth;
      if ((ignored_[g] >> area & 1u) != ignored || candidate.iou < best) continue;
      if ((taken_[g][area] >> threshold & 1u) && !truths[g].crowd) continue;
      best = candidate.iou;  // of equals, the last
      found = static_cast<int64_t>(g);
    }
    if (found >= 0) return found;
  }
  return -1;
}

void CocoMatcher::match(std::span<const CocoTruth> truths, std::span<const CocoDetection> detections,
                        std::vector<CocoMatch>& matches) {
  constexpr unsigned kEverywhere = (1u << kCocoAreas) - 1;
  ignored_.resize(truths.size());
  for (size_t g = 0; g < truths.size(); ++g) {
    ignored_[g] = static_cast<uint8_t>(truths[g].crowd ? kEverywhere : outside_areas(truths[g].area));
  }
  taken_.assign(truths.size(), {});
  int32_t rank = 0;
  for (const CocoDetection& detection : detections) {
    CocoMatch match{.score = detection.score, .image_id = detection.image_id, .rank = rank++};
    candidates_.clear();
    for (size_t g = 0; g < truths.size(); ++g) {
      const double overlap = iou(detection, truths[g]);
      if (overlap >= kCocoIou[0]) candidates_.push_back({g, overlap});
    }
    const unsigned outside = outside_areas(detection.w * detection.h);
    for (int area = 0; area < kCocoAreas; ++area) {
      unsigned matched = 0, ignored = 0;
      for (int t = 0; t < kCocoThresholds && !candidates_.empty(); ++t) {
        const int64_t g = choose(truths, area, t);
        if (g < 0) continue;
        taken_[g][area] |= static_cast<uint16_t>(1u << t);
        matched |= 1u << t;
        ignored |= (ignored_[g] >> area & 1u) << t;
      }
      if (outside >> area & 1u) ignored |= ~matched & kCocoAllThresholds;
      match.matched[area] = static_cast<uint16_t>(matched);
      match.ignored[area] = static_cast<uint16_t>(ignored);
    }
    matches.push_back(match);
  }
}

void match_images(std::span<const CocoTruth> truths, std::span<const CocoDetection> detections, CocoMatcher& matcher,
                  std::vector<CocoMatch>& matches) {
  matches.clear();
  while (!truths.empty() || !detections.empty()) {
    int64_t image = std::numeric_limits<int64_t>::max();
    if (!truths.empty()) image = truths.front().image_id;
    if (!detections.empty()) image = std::min(image, detections.front().image_id);
    const auto of_image = [image](const auto& element) { return element.image_id == image; };
    const std::span<const CocoTruth> here = take_while(truths, of_image);
    const std::span<const CocoDetection> found = take_while(detections, of_image);
    matcher.match(here, found.first(std::min<size_t>(found.size(), kCocoMostDetections)), matches);
  }
  std::ranges::stable_sort(matches, std::greater{}, &CocoMatch::score);
}

}  // namespace quench::metrics
