#include "core/error.h"
#include "stats/draws.h"
#include "stats/replicates.h"

namespace quench::stats {

Replicates share_replicates(std::span<const uint8_t> right, int64_t replicates, uint64_t seed) {
  ensure(!right.empty(), "[stats.share] expected images, got none");
  const auto images = static_cast<int64_t>(right.size());
  Replicates result;
  for (const uint8_t hit : right) result.value += hit;
  result.value /= static_cast<double>(images);
  for (int64_t block = 0; block * kLanes < replicates; ++block) {
    const std::vector<float> times = draw_images(images, seed, block);
    double sums[kLanes] = {};
    for (size_t i = 0; i < right.size(); ++i) {
      if (right[i] == 0) continue;
      for (int lane = 0; lane < kLanes; ++lane) sums[lane] += times[i * kLanes + static_cast<size_t>(lane)];
    }
    for (int lane = 0; lane < kLanes && block * kLanes + lane < replicates; ++lane) {
      result.resampled.push_back(sums[lane] / static_cast<double>(images));
    }
  }
  return result;
}

}  // namespace quench::stats
