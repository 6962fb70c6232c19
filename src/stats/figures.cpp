#include "stats/figures.h"

#include <utility>
#include <vector>

namespace quench::stats {
namespace {

Replicates within(const std::vector<uint8_t>& ahead, uint8_t places) {
  std::vector<uint8_t> right;
  right.reserve(ahead.size());
  for (const uint8_t classes : ahead) right.push_back(classes < places);
  return share_replicates(right, kReplicates, kDrawsSeed);
}

}  // namespace

std::map<std::string, Replicates> figure_replicates(const metrics::Outcomes& outcomes, int threads) {
  std::map<std::string, Replicates> figures;
  if (outcomes.images() == 0) return figures;
  if (!outcomes.ahead.empty()) {
    figures["top1"] = within(outcomes.ahead, 1);
    figures["top5"] = within(outcomes.ahead, 5);
    return figures;
  }
  MapReplicates found = map_replicates(outcomes.boxes, kReplicates, kDrawsSeed, threads);
  figures["map_50_95"] = std::move(found.map_50_95);
  figures["map_50"] = std::move(found.map_50);
  figures["map_75"] = std::move(found.map_75);
  figures["map_95"] = std::move(found.map_95);
  return figures;
}

}  // namespace quench::stats
