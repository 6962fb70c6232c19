#pragma once

#include <optional>
#include <vector>

#include "core/rng.h"
#include "data/augmentation/augment.h"
#include "data/loading/loader.h"

namespace quench::data {

/// How the images of a batch are mixed.
struct Mix {
  std::vector<int64_t> partners;                     ///< of each image, by place in the batch
  double lambda = 1;                                 ///< share of the image itself
  bool cut = false;                                  ///< CutMix, else mixup
  int64_t top = 0, bottom = 0, left = 0, right = 0;  ///< CutMix: the box in pixels, one for the batch
};

/// Draws how every image of a batch is mixed with another of the same batch, with probability mix_probability: mixup
/// (Zhang et al. 2018) or CutMix (Yun et al. 2019); where both are on, one of them, with equal chance. One lambda a
/// batch, as in the papers' code. CutMix: one box, of about 1 - lambda of the area, at a uniform centre, cut at the
/// border. Nothing where the batch stays as it is.
std::optional<Mix> draw_mix(int64_t images, int64_t height, int64_t width, const AugmentSettings& settings, Rng& rng);

/// Mixes the batch's images, of which there are as many as partners, in place, and says their labels. Batch::lambda is
/// what the pixels hold: a multiple of 1/256 for mixup, the share of the area outside the box for CutMix.
void mix_batch(Batch& batch, const Mix& mix, std::vector<uint8_t>& scratch);

}  // namespace quench::data
