#include "prune/prune.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "config/tables.h"
#include "core/error.h"
#include "metrics/cost.h"
#include "prune/free_channels.h"
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

/// What the model took before the rounds of pruning that it is in, in ns, as measured then: before the newest pruning
/// to a latency on the device that `now` tells of, but for those that ask for a share of the original themselves.
std::optional<double> original_latency(const graph::Graph& graph, const Json& now) {
  const Json all = prunings(graph);
  for (auto told = all.rbegin(); told != all.rend(); ++told) {
    const std::string target = told->value("target_latency", "");
    if (target.empty() || config::latency_target(target, "pruned").of_original) continue;
    constexpr const char* kSame[] = {"latency_device", "latency_runtime", "latency_threads", "latency_precision"};
    const auto same = [&](const char* what) { return told->value(what, Json()) == now.value(what, Json()); };
    if (std::ranges::all_of(kSame, same)) return told->at("latency_ns_before").get<double>();
  }
  return {};
}

/// What the option of a budget asks for. Throws Error{config} where it cannot be meant. latency: of target_latency.
Budget budget_of(const graph::Graph& graph, const Json& settings, const std::string& option, const WidthCost& widths,
                 const LatencyCost* latency, const std::vector<ChannelGroup>& groups) {
  Budget budget;
  if (option == "target_latency") {
    budget.what = "ms";
    budget.cost = [latency](const std::vector<int64_t>& kept) { return 1e-6 * latency->at(kept); };
    budget.target = 1e-6 * latency_target_of(settings.at(option), latency->full(), option,
                                             original_latency(graph, latency->latency().told));
    return budget;
  }
  if (option == "target_gflops") {
    budget.what = "GFLOPs";
    budget.cost = [&](const std::vector<int64_t>& kept) { return 2e-9 * static_cast<double>(widths.at(kept).macs); };
  } else if (option == "target_bytes") {
    budget.what = "bytes of weights";
    budget.cost = [&](const std::vector<int64_t>& kept) { return static_cast<double>(widths.at(kept).weights_bytes); };
  } else {
    budget.what = "parameters";
    budget.cost = [&](const std::vector<int64_t>& kept) { return static_cast<double>(widths.at(kept).params); };
  }
  budget.target = target_of(settings.at(option), budget.cost(kept_counts(keep_all(groups))), option);
  if (option != "target_gflops") budget.target = std::floor(budget.target);  // of whole bytes and parameters
  return budget;
}

/// Scores over the time that a channel of the group saves. Of groups that save next to none, over a millionth of the
/// model's.
Scores per_time(Scores scores, const LatencyCost& latency) {
  const std::vector<double> saved = latency.saved_a_channel();
  const double least = 1e-6 * latency.full();
  for (size_t g = 0; g < scores.size(); ++g) {
    for (double& score : scores[g]) score /= std::max(saved[g], least);
  }
  return scores;
}

/// For what does not depend on scores: the least that the limits allow.
Scores any_scores(const std::vector<ChannelGroup>& groups) {
  return reduce(at_random(groups, 0), Reduction::first, Normalisation::none);
}

Ranking ranking_of(const Json& settings) {
  return chosen<Ranking>(settings, "ranking",
                         {{"local", Ranking::local}, {"global", Ranking::global}, {"isomorphic", Ranking::isomorphic}});
}

/// latency: of target_latency.
Keep keep_of(const graph::Graph& graph, const std::vector<ChannelGroup>& groups, const WidthCost& widths,
             const LatencyCost* latency, const Json& settings, Scores scores) {
  const Ranking ranking = ranking_of(settings);
  const Limits limits{settings.at("round"), settings.at("keep_min"), settings.at("max_ratio")};
  const std::string option = config::prune_budget(settings);
  if (option == "ratio") return keep_ratio(graph, groups, scores, ranking, settings.at("ratio"), limits);
  const Budget budget = budget_of(graph, settings, option, widths, latency, groups);
  if (!latency) return keep_budget(graph, groups, scores, ranking, budget, limits);
  if (config::latency_settings(settings).score_per_time) scores = per_time(std::move(scores), *latency);
  const Keep fewest = keep_budget(graph, groups, scores, ranking, budget, limits);
  return with_free_channels(groups, scores, budget, limits, fewest);
}

/// What the budget is about, where that is latency. Null: it is not.
std::unique_ptr<LatencyCost> latency_cost(const graph::Graph& graph, const std::vector<ChannelGroup>& groups,
                                          const Json& settings, const LatencyOf& latency_of, const LogSink& log) {
  if (config::prune_budget(settings) != "target_latency") return nullptr;
  if (!latency_of) {
    fail(ErrorKind::config, "[prune] target_latency expected a way to time layers, got none");
  }
  auto cost = std::make_unique<LatencyCost>(graph, groups, latency_of(graph, settings));
  log.info(fmt::format("latency of the model: {:.4g} ms, {}", 1e-6 * cost->full(), cost->latency().what));
  return cost;
}

/// Into `pruned`: the latency before and after, of what, and from where.
void tell(const LatencyCost& latency, const std::vector<int64_t>& kept, Json& told, const LogSink& log) {
  const double before = latency.full(), after = latency.at(kept);
  told["latency_ns_before"] = std::llround(before);
  told["latency_ns"] = std::llround(after);
  told.update(latency.latency().told);
  log.info(fmt::format("predicted latency: {:.4g} of {:.4g} ms ({:.1f} %)", 1e-6 * after, 1e-6 * before,
                       100 * after / before));
}

/// Channels in all that stay.
int64_t channels_in(const Keep& keep) {
  const std::vector<int64_t> kept = kept_counts(keep);
  return std::accumulate(kept.begin(), kept.end(), int64_t{0});
}

/// A line where a ratio is not reached, since the limits hold channels back.
void tell_limits(const graph::Graph& graph, const std::vector<ChannelGroup>& groups, const Json& settings,
                 const Scores& scores, const Keep& keep, const LogSink& log) {
  if (config::prune_budget(settings) != "ratio") return;
  const Keep free = keep_ratio(graph, groups, scores, ranking_of(settings), settings.at("ratio"), {});
  const int64_t all = channels_in(keep_all(groups)), asked = all - channels_in(free), gone = all - channels_in(keep);
  if (gone >= asked) return;
  log.info(
      fmt::format("[prune] {} of the {} channels that a ratio of {} asks for are cut: round, keep_min and "
                  "max_ratio keep the others",
                  gone, asked, settings.at("ratio").dump()));
}

}  // namespace

Json prunings(const graph::Graph& graph) {
  const auto found = graph.metadata.find("pruned");
  const auto told = found == graph.metadata.end() ? std::nullopt : try_parse_json(found->second);
  if (told && told->is_object()) return Json::array({*told});  // as it was while a file told the last one alone
  return told && told->is_array() ? *told : Json::array();
}

void require_reachable(const graph::Graph& graph, const Json& settings, const LatencyOf& latency_of) {
  std::vector<ChannelGroup> groups = channel_groups(graph);
  protect(graph, settings.at("protect").get<std::vector<std::string>>(), groups);
  if (config::prune_budget(settings) == "target_latency" && !latency_of) return;
  const std::unique_ptr<LatencyCost> latency = latency_cost(graph, groups, settings, latency_of, {});
  keep_of(graph, groups, WidthCost(graph, groups), latency.get(), settings, any_scores(groups));
}

graph::Graph prune(const graph::Graph& graph, const Json& settings, const LogSink& log, const ShowImages& show_images,
                   const LatencyOf& latency_of) {
  require_float(graph);
  const std::string criterion = settings.at("criterion");
  if (config::criterion_reads_images(criterion) && !show_images) {
    fail(ErrorKind::config, "[prune] criterion {} expected images to look at, got no data", criterion);
  }
  Looking looking{show_images};
  std::vector<ChannelGroup> groups = channel_groups(graph);
  protect(graph, settings.at("protect").get<std::vector<std::string>>(), groups);
  const WidthCost widths(graph, groups);
  const std::unique_ptr<LatencyCost> latency = latency_cost(graph, groups, settings, latency_of, log);
  if (config::criterion_reads_images(criterion)) {
    // What cannot be met is said at once.
    keep_of(graph, groups, widths, latency.get(), settings, any_scores(groups));
  }
  const Scores scores = scores_of(graph, groups, settings, looking);
  const Keep keep = keep_of(graph, groups, widths, latency.get(), settings, scores);
  if (keep == keep_all(groups)) {
    log.warning(latency ? fmt::format("[prune] nothing is cut: the model takes no longer than {} already",
                                      settings.at("target_latency").get<std::string>())
                        : fmt::format("[prune] nothing is cut: a ratio of {} is less than one step of the widths",
                                      settings.at("ratio").dump()));
  }
  tell_limits(graph, groups, settings, scores, keep, log);
  graph::Graph cut = cut_channels(graph, groups, keep);
  const WidthCost::Total before = widths.full(), after = widths.at(kept_counts(keep));
  const std::string option = config::prune_budget(settings);
  Json told{{"criterion", criterion}, {option, settings.at(option)}, {"params_before", before.params},
            {"params", after.params}, {"macs_before", before.macs},  {"macs", after.macs}};
  told.update(looking.told);
  if (latency) tell(*latency, kept_counts(keep), told, log);
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
