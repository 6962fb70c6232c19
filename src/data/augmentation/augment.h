#pragma once

#include <string>

#include "core/json.h"
#include "core/rng.h"
#include "data/pictures/picture.h"
#include "data/sets/dataset.h"
#include "pixels/fit.h"

namespace quench::data {

using pixels::fit_image;
using pixels::Fitter;

/// Values of config::augment_options(). The defaults here change nothing.
struct AugmentSettings {
  int crop_padding = 0;
  bool flip = false;
  double color_jitter = 0;
  std::string policy = "none";
  double policy_magnitude = 9;
  int policy_ops = 2;
  double erasing = 0;
  double mixup = 0;
  double cutmix = 0;
  double mix_probability = 1;
  int64_t augment_off_epochs = 0;
  // Detection, besides flip and augment_off_epochs:
  double mosaic = 0;
  double mosaic_mixup = 0;
  double degrees = 0;
  double translate = 0;
  double scale = 0;
  double shear = 0;
  double perspective = 0;
  double hsv_h = 0, hsv_s = 0, hsv_v = 0;

  /// Throws Error{config} for an unknown key, a wrong type or a value out of range. Missing keys: their defaults.
  static AugmentSettings from(const Json& values);
};

/// RandAugment (Cubuk et al. 2020): `ops` operations drawn with replacement from the 14 of the paper, each at
/// `magnitude` of 30, turned round with probability 1/2 where that has a meaning.
void rand_augment(Picture& picture, int ops, double magnitude, Rng& rng, std::vector<uint8_t>& scratch);

/// TrivialAugment, wide space (Mueller & Hutter 2021): one of those operations, with one of 31 magnitudes of a wider
/// range, both uniform.
void trivial_augment(Picture& picture, Rng& rng, std::vector<uint8_t>& scratch);

/// Random erasing (Zhong et al. 2020): a rectangle of 2 to 33 % of the area and aspect 0.3 to 3.3 becomes noise.
void erase_random(Picture& picture, Rng& rng);

/// Makes one training image: crop (zeros around), flip, policy, colour jitter, erasing, then resize to imgsz. All of it
/// at the source's resolution where its short side is no more than imgsz (a source that is not square is cropped at its
/// centre), else after shrinking to imgsz; crop_padding is in pixels there. Not for sharing by threads.
class Augmenter {
 public:
  Augmenter(const AugmentSettings& settings, int imgsz) : settings_(settings), shrink_(imgsz), fit_(imgsz) {}

  /// pixels: [h,w,3] uint8; out: imgsz * imgsz * 3 bytes. `strong`: policy, jitter and erasing too, not just
  /// crop and flip.
  void make(const Tensor& pixels, bool strong, Rng& rng, uint8_t* out);

 private:
  void crop_and_flip(const uint8_t* source, int stride, int side, Rng& rng);
  void jitter_color(Rng& rng);

  AugmentSettings settings_;
  Fitter shrink_, fit_;
  Picture picture_;
  std::vector<uint8_t> shrunk_, scratch_;
};

}  // namespace quench::data
