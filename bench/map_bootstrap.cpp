// How long 2,000 resampled test sets take for the interval of mAP: images and classes as many as COCO's validation set
// has (5,000 and 80, 36,781 true boxes), 500,000 detections of which a part is right.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "core/processors.h"
#include "core/rng.h"
#include "interleave.h"
#include "stats/figures.h"

namespace {

using namespace quench;

constexpr int64_t kImages = 5000;
constexpr int kClasses = 80;
constexpr int64_t kTruths = 36'781, kDetections = 500'000;

/// A detection's score says little of whether it is right, and a right one is right up to some threshold.
metrics::Outcomes coco_like() {
  metrics::Outcomes outcomes;
  outcomes.boxes.images = kImages;
  Rng rng(0, "map-bootstrap");
  for (int c = 0; c < kClasses; ++c) {
    metrics::CocoClassOutcomes& of_class = outcomes.boxes.classes.emplace_back();
    std::vector<uint32_t> images;
    for (int64_t i = 0; i < kTruths / kClasses; ++i) images.push_back(static_cast<uint32_t>(rng.below(kImages)));
    std::ranges::sort(images);
    for (const uint32_t image : images) {
      if (of_class.truths.empty() || of_class.truths.back().image != image) of_class.truths.push_back({image, 0});
      ++of_class.truths.back().count;
    }
    std::vector<uint32_t> right = images;  // each true box is found once or not at all
    const int64_t detections = kDetections / kClasses;
    for (int64_t i = 0; i < detections; ++i) {
      const double chance = 0.5 * (1 - static_cast<double>(i) / static_cast<double>(detections));
      metrics::CocoOutcome found{static_cast<uint32_t>(rng.below(kImages)), 0, 0};
      if (!right.empty() && rng.chance(chance)) {
        const size_t one = rng.below(right.size());
        found.image = right[one];
        right[one] = right.back();
        right.pop_back();
        found.matched = static_cast<uint16_t>((1u << (1 + rng.below(10))) - 1);
      }
      of_class.detections.push_back(found);
    }
    while (!of_class.detections.empty() && of_class.detections.back().matched == 0) of_class.detections.pop_back();
  }
  return outcomes;
}

}  // namespace

int main() {
  const metrics::Outcomes outcomes = coco_like();
  size_t kept = 0;
  for (const auto& of_class : outcomes.boxes.classes) kept += of_class.detections.size();
  fmt::print("{} images, {} classes, {} true boxes, {} detections ({} up to the last right one)\n", kImages, kClasses,
             kTruths, kDetections, kept);
  for (const int threads : {1, usable_processors()}) {
    const auto work = [&] { stats::figure_replicates(outcomes, threads); };
    double wall = 0, processor = 0;  // the least of three
    for (int round = 0; round < 3; ++round) {
      const double a = bench::seconds_of(work, 1, bench::Clock::wall);
      const double b = bench::seconds_of(work, 1, bench::Clock::processor);
      wall = round == 0 ? a : std::min(wall, a);
      processor = round == 0 ? b : std::min(processor, b);
    }
    fmt::print("{} resampled sets, {} thread(s): {:.2f} s of wall time, {:.2f} s of processor time\n",
               stats::kReplicates, threads, wall, processor);
  }
}
