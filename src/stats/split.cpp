#include "stats/split.h"

namespace quench::stats {
namespace {

bool chooses(size_t image) { return image % kChoosingEvery == 0; }

/// The index of an image among those of its side.
uint32_t place_of(uint32_t image) {
  const uint32_t choosing_before = (image + kChoosingEvery - 1) / kChoosingEvery;
  return chooses(image) ? choosing_before : image - choosing_before;
}

/// Those of the side, with their images' indices there.
template <typename OfImage>
std::vector<OfImage> side_of(const std::vector<OfImage>& all, bool choosing) {
  std::vector<OfImage> side;
  for (OfImage one : all) {
    if (chooses(one.image) != choosing) continue;
    one.image = place_of(one.image);
    side.push_back(one);
  }
  return side;
}

metrics::Outcomes side_of(const metrics::Outcomes& outcomes, bool choosing) {
  metrics::Outcomes side{outcomes.truth + (choosing ? " choosing" : " comparing"), {}, {}};
  for (size_t i = 0; i < outcomes.ahead.size(); ++i) {
    if (chooses(i) == choosing) side.ahead.push_back(outcomes.ahead[i]);
  }
  const int64_t images = outcomes.boxes.images, choosing_images = (images + kChoosingEvery - 1) / kChoosingEvery;
  side.boxes.images = choosing ? choosing_images : images - choosing_images;
  for (const metrics::CocoClassOutcomes& of_class : outcomes.boxes.classes) {
    side.boxes.classes.push_back({side_of(of_class.detections, choosing), side_of(of_class.truths, choosing)});
  }
  return side;
}

}  // namespace

Split split(const metrics::Outcomes& outcomes) { return {side_of(outcomes, true), side_of(outcomes, false)}; }

}  // namespace quench::stats
