#pragma once

#include <cstdint>
#include <vector>

#include "data/sets/dataset.h"

namespace quench::calibration {

struct PoolSettings {
  uint64_t seed = 0;         ///< the first
  int64_t seeds = 1;         ///< so many, one behind another
  int64_t candidates = 0;    ///< of each seed
  int64_t score_images = 0;  ///< to keep from all choices; half of the training images at most; 0: none
};

/// Which training images are looked at, and which are kept from that to score on. All indices ascend.
struct Pool {
  std::vector<std::vector<int64_t>> candidates;  ///< of each seed: data::calibration_subset less what is held out
  std::vector<int64_t> looked_at;                ///< all of them
  std::vector<int64_t> held_out;                 ///< none of them
};

/// Images that no seed would choose are held out first: in a large data set a choice is just the one that `quench
/// quantize` makes with that seed. Throws Error{data} for fewer than 4 training images.
Pool make_pool(const data::Dataset& train, const PoolSettings& settings);

/// What `quench quantize` would choose with that count and seed, less what is held out.
std::vector<int64_t> random_choice(const data::Dataset& train, int64_t count, uint64_t seed,
                                   const std::vector<int64_t>& held_out);

}  // namespace quench::calibration
