#include "report/sampler.h"

#include <fmt/format.h>

#include <cmath>

#include "core/processors.h"
#include "report/differences.h"
#include "stats/figures.h"
#include "stats/split.h"

namespace quench::report {

using record::Record;

Sampler::Sampler(const std::vector<Record>& rows, Metric metric, const OutcomesOf& outcomes)
    : rows_(rows), field_(field_of(metric)), outcomes_(outcomes) {
  for (const Images images : {Images::all, Images::choosing, Images::comparing}) {
    draws_.emplace(images, stats::ShareDraws(stats::kReplicates, stats::kDrawsSeed));
  }
}

std::optional<Sampled> Sampler::of(const MethodGroup& group, Images images) {
  Sampled sampled;
  for (const size_t row : group.rows) {
    const Figure& figure = of_row(rows_[row], images);
    if (!figure || (!sampled.truth.empty() && figure->second != sampled.truth)) return {};
    sampled.truth = figure->second;
    sampled.seeds.push_back(figure->first);
  }
  return sampled;
}

Sampler::Figure Sampler::figure_of(const metrics::Outcomes& outcomes, Images images) {
  auto found = stats::figure_replicates(outcomes, field_, draws_.at(images), usable_processors());
  if (!found || (images != Images::all && std::isnan(found->value))) return {};
  found->images = outcomes.images();
  return std::pair(std::move(*found), fmt::format("{} of {}", found->images, outcomes.truth));
}

const Sampler::Figure& Sampler::of_row(const Record& row, Images images) {
  const std::string file = row.outcomes.value_or("");
  const auto [found, is_new] = known_.try_emplace({file, images});
  if (!is_new || !row.outcomes || !outcomes_) return found->second;
  const std::optional<metrics::Outcomes> kept = outcomes_(row);
  if (!kept) return found->second;
  if (images == Images::all) return found->second = figure_of(*kept, images);
  const stats::Split parts = stats::split(*kept);
  known_[{file, Images::choosing}] = figure_of(parts.choosing, Images::choosing);
  known_[{file, Images::comparing}] = figure_of(parts.comparing, Images::comparing);
  return known_[{file, images}];
}

}  // namespace quench::report
