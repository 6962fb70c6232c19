#pragma once

#include <cstdint>
#include <vector>

namespace quench::stats {

/// Resampled test sets are computed so many at a time.
inline constexpr int kLanes = 16;

/// The bootstrap's resampled test sets (Efron 1979): each draws `images` images with replacement. Returns how often
/// each image comes, [images][kLanes], whole numbers. The same `seed` and `block` give the same sets, whatever model
/// they are for: this is what pairs the replicates of two models.
std::vector<float> draw_images(int64_t images, uint64_t seed, int64_t block);

}  // namespace quench::stats
