#include "stats/figures.h"

#include <utility>
#include <vector>

namespace quench::stats {
namespace {

std::vector<uint8_t> within(const std::vector<uint8_t>& ahead, uint8_t places) {
  std::vector<uint8_t> right;
  right.reserve(ahead.size());
  for (const uint8_t classes : ahead) right.push_back(classes < places);
  return right;
}

}  // namespace

std::map<std::string, Replicates> figure_replicates(const metrics::Outcomes& outcomes, int threads) {
  std::map<std::string, Replicates> figures;
  if (outcomes.images() == 0) return figures;
  if (!outcomes.ahead.empty()) {
    ShareDraws draws(kReplicates, kDrawsSeed);
    figures["top1"] = draws.of(within(outcomes.ahead, 1));
    figures["top5"] = draws.of(within(outcomes.ahead, 5));
    return figures;
  }
  MapReplicates found = map_replicates(outcomes.boxes, kReplicates, kDrawsSeed, threads);
  figures["map_50_95"] = std::move(found.map_50_95);
  figures["map_50"] = std::move(found.map_50);
  figures["map_75"] = std::move(found.map_75);
  figures["map_95"] = std::move(found.map_95);
  return figures;
}

std::optional<Replicates> figure_replicates(const metrics::Outcomes& outcomes, const std::string& field,
                                            ShareDraws& draws, int threads) {
  if (outcomes.images() == 0) return {};
  if (!outcomes.ahead.empty()) {
    if (field != "top1" && field != "top5") return {};
    return draws.of(within(outcomes.ahead, field == "top1" ? 1 : 5));
  }
  std::map<std::string, Replicates> figures = figure_replicates(outcomes, threads);
  const auto figure = figures.find(field);
  return figure == figures.end() ? std::nullopt : std::optional(std::move(figure->second));
}

}  // namespace quench::stats
