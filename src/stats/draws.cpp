#include "stats/draws.h"

#include <algorithm>

#include "core/error.h"
#include "core/rng.h"

namespace quench::stats {

std::vector<float> draw_images(int64_t images, uint64_t seed, int64_t block) {
  ensure(images > 0 && images < (int64_t{1} << 31), "[stats.draws] expected images, got {}", images);
  std::vector<float> times(static_cast<size_t>(images) * kLanes);
  std::vector<uint32_t> of_lane(static_cast<size_t>(images));
  for (size_t lane = 0; lane < kLanes; ++lane) {
    Rng rng(seed, "bootstrap", static_cast<uint64_t>(block), lane);
    std::ranges::fill(of_lane, 0);
    // 32 random bits a draw: an image's chance is off by less than images / 2^32 of itself.
    const auto drawn = [images](uint64_t bits) { return bits * static_cast<uint64_t>(images) >> 32; };
    for (int64_t i = 0; i < images; i += 2) {
      const uint64_t bits = rng.next();
      ++of_lane[drawn(bits >> 32)];
      if (i + 1 < images) ++of_lane[drawn(bits & 0xffffffffu)];
    }
    for (size_t i = 0; i < of_lane.size(); ++i) times[i * kLanes + lane] = static_cast<float>(of_lane[i]);
  }
  return times;
}

}  // namespace quench::stats
