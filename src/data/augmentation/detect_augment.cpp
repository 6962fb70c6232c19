#include "data/augmentation/detect_augment.h"

#include <algorithm>
#include <utility>

#include "data/augmentation/mosaic.h"
#include "data/augmentation/perspective.h"

namespace quench::data {
namespace {

constexpr double kBlendAlpha = 32;

int64_t partner(const Dataset& dataset, std::span<const int64_t> pool, Rng& rng) {
  if (pool.empty()) return static_cast<int64_t>(rng.below(static_cast<uint64_t>(dataset.size())));
  return pool[rng.below(pool.size())];
}

}  // namespace

void DetectAugmenter::mosaic(const Dataset& dataset, std::span<const int64_t> pool, int64_t index, Rng& rng,
                             DetectPicture& out) {
  std::array<int64_t, 4> chosen{index};
  for (size_t i = 1; i < chosen.size(); ++i) chosen[i] = partner(dataset, pool, rng);
  std::array<Sample, 4> images;
  const std::vector<int64_t> places = permutation(4, rng);
  for (size_t i = 0; i < images.size(); ++i) images[static_cast<size_t>(places[i])] = dataset.at(chosen[i]);
  make_mosaic(images, imgsz_, rng, out, scratch_);
  see(random_view(settings_, 2 * imgsz_, imgsz_, rng), imgsz_, out, scratch_);
}

std::vector<Object> DetectAugmenter::make(const Dataset& dataset, std::span<const int64_t> pool, int64_t index,
                                          bool strong, Rng& rng, uint8_t* out) {
  if (strong && rng.chance(settings_.mosaic)) {
    mosaic(dataset, pool, index, rng, picture_);
    if (rng.chance(settings_.mosaic_mixup)) {
      mosaic(dataset, pool, partner(dataset, pool, rng), rng, other_);
      blend(picture_, other_, rng.beta(kBlendAlpha));
    }
  } else {
    letterboxed(dataset.at(index), imgsz_, picture_);
    see(random_view(settings_, imgsz_, imgsz_, rng), imgsz_, picture_, scratch_);
  }
  shift_hsv(picture_.picture, settings_, rng, scratch_);
  if (settings_.flip && rng.chance(0.5)) {
    flip_into(picture_, out);
  } else {
    std::copy(picture_.picture.pixels.begin(), picture_.picture.pixels.end(), out);
  }
  return std::move(picture_.objects);
}

}  // namespace quench::data
