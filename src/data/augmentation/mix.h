#pragma once

#include "core/rng.h"
#include "data/augmentation/augment.h"
#include "data/loading/loader.h"

namespace quench::data {

/// Mixes every image of the batch with another of the same batch, in place, with probability mix_probability: mixup
/// (Zhang et al. 2018) or CutMix (Yun et al. 2019); where both are on, one of them, with equal chance. One lambda a
/// batch, as in the papers' code. lambda is what the pixels hold: a multiple of 1/256 for mixup, the share of the area
/// outside the box for CutMix.
void mix_batch(Batch& batch, const AugmentSettings& settings, Rng& rng, std::vector<uint8_t>& scratch);

}  // namespace quench::data
