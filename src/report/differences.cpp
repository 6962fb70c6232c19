#include "report/differences.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <map>
#include <utility>

#include "report/best_of_kind.h"
#include "report/optional_values.h"
#include "report/sampler.h"
#include "stats/holm.h"

namespace quench::report {

using record::Record;

namespace {

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

/// Where and by what a group runs: differences of one place are adjusted together.
std::string place_of(const Record& record) { return text_of(record.runtime) + "|" + text_of(record.device); }

/// Over all lists, so that a study claims no difference at all where there is none, but in 5 % of studies.
void adjust(std::initializer_list<std::vector<Difference>*> lists, const std::vector<MethodGroup>& groups,
            const std::vector<Record>& rows) {
  std::map<std::string, std::vector<Difference*>> families;
  for (std::vector<Difference>* differences : lists) {
    for (Difference& difference : *differences) {
      families[place_of(rows[groups[difference.group].rows.front()])].push_back(&difference);
    }
  }
  for (auto& [place, members] : families) {
    std::vector<double> p;
    for (const Difference* member : members) p.push_back(member->gap.p);
    const std::vector<double> adjusted = stats::holm(p);
    for (size_t i = 0; i < members.size(); ++i) members[i]->p_adjusted = adjusted[i];
  }
}

MethodMeans means_by(Sampler& sampler, const std::vector<Record>& rows, Metric metric) {
  MethodMeans result{method_groups(rows, metric), {}};
  for (const MethodGroup& group : result.groups) {
    const auto sampled = sampler.of(group);
    result.means.push_back(sampled ? std::optional(stats::mean_of(sampled->seeds)) : std::nullopt);
  }
  return result;
}

}  // namespace

const char* field_of(Metric metric) {
  switch (metric) {
    case Metric::top1: return "top1";
    case Metric::map_50_95: return "map_50_95";
    case Metric::map_50: return "map_50";
    case Metric::map_95: return "map_95";
  }
  return "";
}

MethodMeans method_means(const std::vector<Record>& rows, Metric metric, const OutcomesOf& outcomes) {
  Sampler sampler(rows, metric, outcomes);
  return means_by(sampler, rows, metric);
}

MethodComparison compare_methods(const std::vector<Record>& rows, Metric metric, const OutcomesOf& outcomes) {
  Sampler sampler(rows, metric, outcomes);
  MethodComparison result{means_by(sampler, rows, metric), {}, {}, {}};
  const auto difference = [&](size_t group, size_t against) {
    return difference_of(group, against, result.groups, rows, sampler, Images::all);
  };
  for (size_t g = 0; g < result.groups.size(); ++g) {
    const auto against = group_of(result.groups, rows, accuracy_baseline(rows[result.groups[g].rows.front()], rows));
    if (!against || *against == g) continue;
    if (const auto found = difference(g, *against)) result.from_float.push_back(*found);
  }

  // The best QAT and the best PTQ of one model, place, kind and widths.
  std::map<std::string, Contest> contests;
  for (size_t g = 0; g < result.groups.size(); ++g) {
    const Record& first = rows[result.groups[g].rows.front()];
    const MethodKind kind = kind_of(first);
    if (!kind.quantized || !result.means[g]) continue;
    const std::string key =
        fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|{}|{}", model_name(first), text_of(first.imgsz), place_of(first),
                    kind.pruned, kind.sparse, text_of(first.macs), text_of(first.bits_w), text_of(first.bits_a),
                    text_of(first.layer_bits), text_of(first.float_layers));
    (kind.fine_tuned ? contests[key].challengers : contests[key].champions).push_back(g);
  }
  for (const auto& [key, contest] : contests) {
    if (const auto found = best_of_kind(contest, result.groups, rows, sampler)) result.tuned.push_back(*found);
  }

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
  adjust({&result.from_float, &result.tuned, &result.from_chance}, result.groups, rows);
  return result;
}

}  // namespace quench::report
