#include "report/differences.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "core/processors.h"
#include "report/optional_values.h"
#include "stats/figures.h"
#include "stats/holm.h"

namespace quench::report {

using record::Record;

namespace {

/// What is known of the images of one group: replicates by seed, and which images they are.
struct Sampled {
  std::vector<stats::Replicates> seeds;
  std::string truth;
};

/// Replicates of records, each file read once.
class Sampler {
 public:
  Sampler(const std::vector<Record>& rows, Metric metric, const OutcomesOf& outcomes)
      : rows_(rows), field_(field_of(metric)), outcomes_(outcomes) {}

  /// Nothing where a row's outcomes are missing, or the seeds' images differ.
  std::optional<Sampled> of(const MethodGroup& group) {
    Sampled sampled;
    for (const size_t row : group.rows) {
      const auto& [replicates, truth] = of_row(rows_[row]);
      if (!replicates || (!sampled.truth.empty() && truth != sampled.truth)) return {};
      sampled.truth = truth;
      sampled.seeds.push_back(*replicates);
    }
    return sampled;
  }

 private:
  using OfRow = std::pair<std::optional<stats::Replicates>, std::string>;

  const OfRow& of_row(const Record& row) {
    const auto [found, is_new] = known_.try_emplace(row.outcomes.value_or(""));
    if (!is_new || !row.outcomes || !outcomes_) return found->second;
    const std::optional<metrics::Outcomes> kept = outcomes_(row);
    if (!kept) return found->second;
    std::map<std::string, stats::Replicates> figures = stats::figure_replicates(*kept, usable_processors());
    if (const auto figure = figures.find(field_); figure != figures.end()) {
      found->second = {std::move(figure->second), kept->truth};
    }
    return found->second;
  }

  const std::vector<Record>& rows_;
  std::string field_;
  const OutcomesOf& outcomes_;
  std::map<std::string, OfRow> known_;  // by the file of outcomes
};

std::optional<size_t> group_of(const std::vector<MethodGroup>& groups, const std::vector<Record>& rows,
                               const Record* row) {
  if (row == nullptr) return {};
  const auto place = static_cast<size_t>(row - rows.data());
  const std::string wanted = label(*row);
  for (size_t g = 0; g < groups.size(); ++g) {
    const Record& first = rows[groups[g].rows.front()];
    if (std::ranges::count(groups[g].rows, place) > 0) return g;
    // A row of other threads stands for its method, too.
    if (groups[g].label == wanted && first.imgsz == row->imgsz && first.data == row->data) return g;
  }
  return {};
}

bool same_seeds(const MethodGroup& a, const MethodGroup& b, const std::vector<Record>& rows) {
  return std::ranges::equal(a.rows, b.rows, [&](size_t i, size_t j) { return rows[i].seed == rows[j].seed; });
}

/// Where and by what a group runs: differences of one place are adjusted together.
std::string place_of(const Record& record) { return text_of(record.runtime) + "|" + text_of(record.device); }

void adjust(std::vector<Difference>& differences, const std::vector<MethodGroup>& groups,
            const std::vector<Record>& rows) {
  std::map<std::string, std::vector<Difference*>> families;
  for (Difference& difference : differences) {
    families[place_of(rows[groups[difference.group].rows.front()])].push_back(&difference);
  }
  for (auto& [place, members] : families) {
    std::vector<double> p;
    for (const Difference* member : members) p.push_back(member->gap.p);
    const std::vector<double> adjusted = stats::holm(p);
    for (size_t i = 0; i < members.size(); ++i) members[i]->p_adjusted = adjusted[i];
  }
}

}  // namespace

const char* field_of(Metric metric) {
  switch (metric) {
    case Metric::top1: return "top1";
    case Metric::map_50_95: return "map_50_95";
    case Metric::map_50: return "map_50";
  }
  return "";
}

MethodComparison compare_methods(const std::vector<Record>& rows, Metric metric, const OutcomesOf& outcomes) {
  MethodComparison result;
  result.groups = method_groups(rows, metric);
  Sampler sampler(rows, metric, outcomes);
  std::vector<std::optional<Sampled>> sampled;
  for (const MethodGroup& group : result.groups) {
    sampled.push_back(sampler.of(group));
    result.means.push_back(sampled.back() ? std::optional(stats::mean_of(sampled.back()->seeds)) : std::nullopt);
  }
  const auto difference = [&](size_t group, size_t against) -> std::optional<Difference> {
    const auto &a = sampled[group], &b = sampled[against];
    if (!a || !b || a->truth != b->truth) return {};
    const bool paired = same_seeds(result.groups[group], result.groups[against], rows);
    return Difference{group, against, stats::difference(a->seeds, b->seeds, paired), 1};
  };
  for (size_t g = 0; g < result.groups.size(); ++g) {
    const auto against = group_of(result.groups, rows, accuracy_baseline(rows[result.groups[g].rows.front()], rows));
    if (!against || *against == g) continue;
    if (const auto found = difference(g, *against)) result.from_float.push_back(*found);
  }
  adjust(result.from_float, result.groups, rows);

  // The best QAT and the best PTQ of one model, place, kind and widths.
  struct Best {
    std::optional<size_t> tuned, plain;
  };
  std::map<std::string, Best> best_of;
  for (size_t g = 0; g < result.groups.size(); ++g) {
    const Record& first = rows[result.groups[g].rows.front()];
    const MethodKind kind = kind_of(first);
    if (!kind.quantized || !result.means[g]) continue;
    const std::string key =
        fmt::format("{}|{}|{}|{}|{}|{}|{}|{}", model_name(first), text_of(first.imgsz), place_of(first), kind.pruned,
                    kind.sparse, text_of(first.macs), text_of(first.bits_w), text_of(first.bits_a));
    std::optional<size_t>& best = kind.fine_tuned ? best_of[key].tuned : best_of[key].plain;
    if (!best || result.means[g]->value > result.means[*best]->value) best = g;
  }
  for (const auto& [key, best] : best_of) {
    if (!best.tuned || !best.plain) continue;
    if (const auto found = difference(*best.tuned, *best.plain)) result.tuned.push_back(*found);
  }
  adjust(result.tuned, result.groups, rows);

  std::map<std::string, size_t> chance;  // by what else was done
  for (const bool at_random : {true, false}) {
    for (size_t g = 0; g < result.groups.size(); ++g) {
      const Record& first = rows[result.groups[g].rows.front()];
      const Pruning pruning = pruning_of(first);
      if (pruning.criterion.empty() || (pruning.criterion == "random") != at_random) continue;
      const std::string key =
          fmt::format("{}|{}|{}|{}", model_name(first), text_of(first.imgsz), place_of(first), pruning.all_else);
      if (at_random) {
        chance.emplace(key, g);
      } else if (const auto control = chance.find(key); control != chance.end()) {
        if (const auto found = difference(g, control->second)) result.from_chance.push_back(*found);
      }
    }
  }
  adjust(result.from_chance, result.groups, rows);
  return result;
}

}  // namespace quench::report
