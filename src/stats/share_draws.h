#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "stats/replicates.h"

namespace quench::stats {

/// The resampled test sets of draws.h, kept, so that a report of many rows draws them once: shares of images that are
/// right for one model after the other.
class ShareDraws {
 public:
  ShareDraws(int64_t replicates, uint64_t seed) : replicates_(replicates), seed_(seed) {}

  /// As share_replicates. right: one value an image, 0 or 1; sets of another number of images are drawn anew.
  Replicates of(std::span<const uint8_t> right);

 private:
  /// How often each image comes in the sets of a block, [images][kLanes]; `own` holds it where nothing is kept.
  const std::vector<uint8_t>& block(int64_t images, int64_t block, std::vector<uint8_t>& own);

  int64_t replicates_;
  uint64_t seed_;
  int64_t images_ = 0;
  std::vector<std::vector<uint8_t>> blocks_;
};

}  // namespace quench::stats
