// RandAugment and TrivialAugment: which operation, how strong.
#include <algorithm>
#include <cmath>

#include "data/augmentation/augment.h"

namespace quench::data {
namespace {

enum class Operation {
  identity,
  shear_x,
  shear_y,
  translate_x,
  translate_y,
  rotate,
  brightness,
  color,
  contrast,
  sharpness,
  posterize,
  solarize,
  autocontrast,
  equalize,
};
constexpr uint64_t kOperations = 14;
constexpr int kBins = 30;  // magnitudes go from 0 to kBins

/// Strengths at the largest magnitude; smaller magnitudes are linear in between.
struct Space {
  double shear;           ///< pixels sideways a pixel
  double translate;       ///< pixels
  double rotate;          ///< degrees
  double enhance;         ///< factor is 1 plus or minus this
  double posterize_bits;  ///< bits taken away
};

void apply(Picture& picture, Operation operation, double level, const Space& space, Rng& rng,
           std::vector<uint8_t>& scratch) {  // level in [0,1]
  const double sign = rng.chance(0.5) ? -1 : 1;
  Affine affine;
  switch (operation) {
    case Operation::identity: return;
    case Operation::shear_x: affine.b = sign * level * space.shear; return warp(picture, affine, scratch);
    case Operation::shear_y: affine.d = sign * level * space.shear; return warp(picture, affine, scratch);
    case Operation::translate_x:
      affine.c = sign * std::trunc(level * space.translate);
      return warp(picture, affine, scratch);
    case Operation::translate_y:
      affine.f = sign * std::trunc(level * space.translate);
      return warp(picture, affine, scratch);
    case Operation::rotate:
      return warp(picture, rotation(sign * level * space.rotate, picture.height, picture.width), scratch);
    case Operation::brightness: return adjust_brightness(picture, 1 + sign * level * space.enhance);
    case Operation::color: return adjust_color(picture, 1 + sign * level * space.enhance);
    case Operation::contrast: return adjust_contrast(picture, 1 + sign * level * space.enhance);
    case Operation::sharpness: return adjust_sharpness(picture, 1 + sign * level * space.enhance, scratch);
    case Operation::posterize:
      return posterize(picture, 8 - static_cast<int>(std::lround(level * space.posterize_bits)));
    case Operation::solarize: return solarize(picture, 255 * (1 - level));
    case Operation::autocontrast: return autocontrast(picture);
    case Operation::equalize: return equalize(picture);
  }
}

}  // namespace

void rand_augment(Picture& picture, int ops, double magnitude, Rng& rng, std::vector<uint8_t>& scratch) {
  const Space space{0.3, 150.0 / 331 * std::min(picture.height, picture.width), 30, 0.9, 4};
  for (int i = 0; i < ops; ++i) {
    apply(picture, static_cast<Operation>(rng.below(kOperations)), magnitude / kBins, space, rng, scratch);
  }
}

void trivial_augment(Picture& picture, Rng& rng, std::vector<uint8_t>& scratch) {
  const Space wide{0.99, 32, 135, 0.99, 6};
  const auto operation = static_cast<Operation>(rng.below(kOperations));
  const double level = static_cast<double>(rng.below(kBins + 1)) / kBins;
  apply(picture, operation, level, wide, rng, scratch);
}

}  // namespace quench::data
