#include <algorithm>
#include <limits>

#include "core/error.h"
#include "core/workers.h"
#include "stats/lanes_ap.h"
#include "stats/replicates.h"

namespace quench::stats {
namespace {

using Averages = std::array<Lanes, metrics::kCocoThresholds>;

/// The mean over classes at each threshold, NaN in a lane that has no true box of any class.
Averages mean_averages(const metrics::CocoOutcomes& outcomes, std::span<const float> times, LanesAp& class_ap) {
  Averages sums{}, average{};
  Lanes classes{}, truths{};
  for (const metrics::CocoClassOutcomes& of_class : outcomes.classes) {
    class_ap.find(of_class, times, truths, average);
    for (int lane = 0; lane < kLanes; ++lane) {
      if (truths[lane] == 0) continue;
      ++classes[lane];
      for (int t = 0; t < metrics::kCocoThresholds; ++t) sums[t][lane] += average[t][lane];
    }
  }
  for (Lanes& of_threshold : sums) {
    for (int lane = 0; lane < kLanes; ++lane) of_threshold[lane] /= classes[lane];  // 0 / 0 is NaN
  }
  return sums;
}

/// Calls `set(figure, value)` with the four figures of one lane.
void for_figures(MapReplicates& result, const Averages& averages, int lane, const auto& set) {
  double sum = 0;
  for (const Lanes& of_threshold : averages) sum += of_threshold[lane];
  set(result.map_50_95, sum / metrics::kCocoThresholds);
  set(result.map_50, averages[0][lane]);
  set(result.map_75, averages[5][lane]);
  set(result.map_95, averages[9][lane]);
}

}  // namespace

MapReplicates map_replicates(const metrics::CocoOutcomes& outcomes, int64_t replicates, uint64_t seed, int threads) {
  ensure(outcomes.images > 0, "[stats.map] expected images, got none");
  MapReplicates result;
  for (Replicates* figure : {&result.map_50_95, &result.map_50, &result.map_75, &result.map_95}) {
    figure->resampled.resize(static_cast<size_t>(replicates));
  }
  {
    LanesAp class_ap;
    const std::vector<float> once(static_cast<size_t>(outcomes.images) * kLanes, 1);
    for_figures(result, mean_averages(outcomes, once, class_ap), 0,
                [](Replicates& figure, double value) { figure.value = value; });
  }
  const int64_t blocks = (replicates + kLanes - 1) / kLanes;
  const int workers = static_cast<int>(std::clamp<int64_t>(threads, 1, std::max<int64_t>(blocks, 1)));
  run_workers(workers, [&](int first) {
    LanesAp class_ap;
    for (int64_t block = first; block < blocks; block += workers) {
      const std::vector<float> times = draw_images(outcomes.images, seed, block);
      const Averages averages = mean_averages(outcomes, times, class_ap);
      for (int lane = 0; lane < kLanes && block * kLanes + lane < replicates; ++lane) {
        const auto replicate = static_cast<size_t>(block * kLanes + lane);
        for_figures(result, averages, lane,
                    [replicate](Replicates& figure, double value) { figure.resampled[replicate] = value; });
      }
    }
  });
  return result;
}

}  // namespace quench::stats
