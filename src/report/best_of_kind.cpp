#include "report/best_of_kind.h"

#include <algorithm>

namespace quench::report {

using record::Record;

namespace {

double mean_of(const Sampled& sampled) {
  double sum = 0;
  for (const stats::Replicates& seed : sampled.seeds) sum += seed.value / static_cast<double>(sampled.seeds.size());
  return sum;
}

/// The best of the members on the images that choose.
std::optional<size_t> choose(const std::vector<size_t>& members, const std::vector<MethodGroup>& groups,
                             Sampler& sampler) {
  if (members.size() == 1) return members.front();
  std::optional<size_t> best;
  double best_value = 0;
  for (const size_t member : members) {
    const auto sampled = sampler.of(groups[member], Images::choosing);
    if (!sampled || (best && mean_of(*sampled) <= best_value)) continue;
    best = member;
    best_value = mean_of(*sampled);
  }
  return best;
}

bool same_seeds(const MethodGroup& a, const MethodGroup& b, const std::vector<Record>& rows) {
  return std::ranges::equal(a.rows, b.rows, [&](size_t i, size_t j) { return rows[i].seed == rows[j].seed; });
}

}  // namespace

std::optional<Difference> difference_of(size_t group, size_t against, const std::vector<MethodGroup>& groups,
                                        const std::vector<Record>& rows, Sampler& sampler, Images images) {
  const auto a = sampler.of(groups[group], images), b = sampler.of(groups[against], images);
  if (!a || !b || a->truth != b->truth) return {};
  const bool paired = same_seeds(groups[group], groups[against], rows);
  return Difference{group, against, stats::difference(a->seeds, b->seeds, paired), 1};
}

std::optional<Difference> best_of_kind(const Contest& contest, const std::vector<MethodGroup>& groups,
                                       const std::vector<Record>& rows, Sampler& sampler) {
  if (contest.challengers.empty() || contest.champions.empty()) return {};
  const bool choice = contest.challengers.size() > 1 || contest.champions.size() > 1;
  const auto best = choose(contest.challengers, groups, sampler), other = choose(contest.champions, groups, sampler);
  if (!best || !other) return {};
  auto found = difference_of(*best, *other, groups, rows, sampler, choice ? Images::comparing : Images::all);
  if (found) found->chosen = choice;
  return found;
}

}  // namespace quench::report
