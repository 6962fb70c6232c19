#include "prune/prune.h"

#include <algorithm>

#include "config/tables.h"
#include "core/error.h"
#include "metrics/cost.h"
#include "prune/image_scores.h"
#include "prune/selection.h"
#include "prune/surgery.h"
#include "prune/target.h"
#include "prune/weight_scores.h"
#include "prune/width_cost.h"

namespace quench::prune {
namespace {

/// The value of a choice by its place among the option's names.
template <typename Choice>
Choice chosen(const Json& settings, const char* option, std::initializer_list<std::pair<const char*, Choice>> all) {
  const std::string name = settings.at(option);
  for (const auto& [known, choice] : all) {
    if (name == known) return choice;
  }
  fail(ErrorKind::internal, "[prune] no {} '{}'", option, name);
}

/// What a criterion sees, and what is told of it.
struct Looking {
  const ShowImages& show;
  Json told = Json::object();
};

MemberScores member_scores(const graph::Graph& graph, const std::vector<ChannelGroup>& groups, const Json& settings,
                           Looking& looking) {
  const std::string criterion = settings.at("criterion");
  if (config::criterion_reads_images(criterion)) {
    const auto scores = image_scores(criterion, graph, groups, settings.at("calibration_batch").get<int64_t>());
    looking.told = looking.show(*scores);
    return scores->scores();
  }
  if (criterion == "l1") return magnitude(graph, groups, 1);
  if (criterion == "bn_scale") return batch_norm_scale(graph, groups);
  if (criterion == "fpgm") return geometric_median(graph, groups);
  if (criterion == "random") return at_random(groups, settings.at("seed").get<uint64_t>());
  return magnitude(graph, groups, 2);  // l2, largest
}

Scores scores_of(const graph::Graph& graph, const std::vector<ChannelGroup>& groups, const Json& settings,
                 Looking& looking) {
  const auto reduction = chosen<Reduction>(
      settings, "reduction",
      {{"mean", Reduction::mean}, {"sum", Reduction::sum}, {"max", Reduction::max}, {"first", Reduction::first}});
  const auto normalisation = chosen<Normalisation>(settings, "normalisation",
                                                   {{"none", Normalisation::none},
                                                    {"mean", Normalisation::mean},
                                                    {"max", Normalisation::max},
                                                    {"lamp", Normalisation::lamp}});
  Scores scores = reduce(member_scores(graph, groups, settings, looking), reduction, normalisation);
  if (settings.at("criterion") == "largest") {
    for (std::vector<double>& group : scores) std::ranges::transform(group, group.begin(), std::negate<>());
  }
  return scores;
}

/// What the option of a budget asks for. Throws Error{config} where it cannot be meant.
Budget budget_of(const Json& settings, const std::string& option, const WidthCost& widths,
                 const std::vector<ChannelGroup>& groups) {
  Budget budget;
  if (option == "target_gflops") {
    budget.what = "GFLOPs";
    budget.cost = [&](const std::vector<int64_t>& kept) { return 2e-9 * static_cast<double>(widths.at(kept).macs); };
  } else {
    budget.what = "parameters";
    budget.cost = [&](const std::vector<int64_t>& kept) { return static_cast<double>(widths.at(kept).params); };
  }
  budget.target = target_of(settings.at(option), budget.cost(kept_counts(keep_all(groups))), option);
  return budget;
}

/// For what does not depend on scores: the least that the limits allow.
Scores any_scores(const std::vector<ChannelGroup>& groups) {
  return reduce(at_random(groups, 0), Reduction::first, Normalisation::none);
}

Keep keep_of(const graph::Graph& graph, const std::vector<ChannelGroup>& groups, const WidthCost& widths,
             const Json& settings, const Scores& scores) {
  const auto ranking =
      chosen<Ranking>(settings, "ranking",
                      {{"local", Ranking::local}, {"global", Ranking::global}, {"isomorphic", Ranking::isomorphic}});
  const Limits limits{settings.at("round"), settings.at("keep_min"), settings.at("max_ratio")};
  const std::string option = config::prune_budget(settings);
  if (option == "ratio") return keep_ratio(graph, groups, scores, ranking, settings.at("ratio"), limits);
  return keep_budget(graph, groups, scores, ranking, budget_of(settings, option, widths, groups), limits);
}

}  // namespace

Json prunings(const graph::Graph& graph) {
  const auto found = graph.metadata.find("pruned");
  const auto told = found == graph.metadata.end() ? std::nullopt : try_parse_json(found->second);
  if (told && told->is_object()) return Json::array({*told});  // as it was while a file told the last one alone
  return told && told->is_array() ? *told : Json::array();
}

void require_reachable(const graph::Graph& graph, const Json& settings) {
  std::vector<ChannelGroup> groups = channel_groups(graph);
  protect(graph, settings.at("protect").get<std::vector<std::string>>(), groups);
  keep_of(graph, groups, WidthCost(graph, groups), settings, any_scores(groups));
}

graph::Graph prune(const graph::Graph& graph, const Json& settings, const LogSink& log, const ShowImages& show_images) {
  require_float(graph);
  const std::string criterion = settings.at("criterion");
  if (config::criterion_reads_images(criterion) && !show_images) {
    fail(ErrorKind::config, "[prune] criterion {} expected images to look at, got no data", criterion);
  }
  Looking looking{show_images};
  std::vector<ChannelGroup> groups = channel_groups(graph);
  protect(graph, settings.at("protect").get<std::vector<std::string>>(), groups);
  const WidthCost widths(graph, groups);
  if (config::criterion_reads_images(criterion)) {
    keep_of(graph, groups, widths, settings, any_scores(groups));  // what cannot be met is said at once
  }
  const Keep keep = keep_of(graph, groups, widths, settings, scores_of(graph, groups, settings, looking));
  if (keep == keep_all(groups)) {
    log.warning(fmt::format("[prune] nothing is cut: a ratio of {} is less than one step of the widths",
                            settings.at("ratio").dump()));
  }
  graph::Graph cut = cut_channels(graph, groups, keep);
  const WidthCost::Total before = widths.full(), after = widths.at(kept_counts(keep));
  const std::string option = config::prune_budget(settings);
  Json told{{"criterion", criterion}, {option, settings.at(option)}, {"params_before", before.params},
            {"params", after.params}, {"macs_before", before.macs},  {"macs", after.macs}};
  told.update(looking.told);
  Json all = prunings(graph);
  all.push_back(std::move(told));
  cut.metadata["pruned"] = all.dump();
  const auto share = [](int64_t now, int64_t then) {
    return 100 * static_cast<double>(now) / static_cast<double>(std::max<int64_t>(1, then));
  };
  log.info(fmt::format("pruned to {} of {} parameters ({:.1f} %) and {:.3g} of {:.3g} GFLOPs ({:.1f} %)", after.params,
                       before.params, share(after.params, before.params), 2e-9 * static_cast<double>(after.macs),
                       2e-9 * static_cast<double>(before.macs), share(after.macs, before.macs)));
  return cut;
}

}  // namespace quench::prune
