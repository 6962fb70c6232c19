#include "cli/info_groups.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/print.h"
#include "core/json_text.h"
#include "graph/quantized.h"
#include "prune/channel_groups.h"
#include "prune/group_costs.h"
#include "prune/group_drawing.h"

namespace quench::cli {
namespace {

using prune::ChannelGroup;
using prune::GroupCost;
using prune::Role;

constexpr int kTimeColumn = 5;  ///< behind the other costs

std::vector<std::string> names_of(const graph::Graph& graph, const ChannelGroup& group, Role role) {
  std::vector<std::string> names;
  for (const prune::Member& member : group.members) {
    if (member.role == role) names.push_back(graph.nodes[member.node].name);
  }
  return names;
}

double gflops(int64_t macs) { return 2e-9 * static_cast<double>(macs); }

/// Of each group, in ns; empty where no device is asked about.
using Times = std::vector<double>;

std::string groups_json(const graph::Graph& graph, const std::vector<ChannelGroup>& groups,
                        const std::vector<GroupCost>& costs, const Times& times) {
  Json list = Json::array();
  for (size_t g = 0; g < groups.size(); ++g) {
    list.push_back({{"name", groups[g].name},
                    {"channels", groups[g].width()},
                    {"kept_because", groups[g].prunable() ? Json() : Json(groups[g].kept_because)},
                    {"params_per_channel", costs[g].params},
                    {"macs_per_channel", costs[g].macs},
                    {"gflops_per_channel", gflops(costs[g].macs)},
                    {"makes", names_of(graph, groups[g], Role::makes)},
                    {"follows", names_of(graph, groups[g], Role::follows)},
                    {"reads", names_of(graph, groups[g], Role::reads)}});
    if (!times.empty()) list.back()["latency_ns_per_channel"] = times[g];
  }
  return json_text(list, 2) + "\n";
}

std::string groups_table(const graph::Graph& graph, const std::vector<ChannelGroup>& groups,
                         const std::vector<GroupCost>& costs, const Times& times) {
  std::vector<std::vector<std::string>> rows{
      {"#", "group", "channels", "params a channel", "GFLOPs a channel", "made by", "read by", "kept"}};
  if (!times.empty()) rows[0].insert(rows[0].begin() + kTimeColumn, "ms a channel");
  int64_t prunable = 0, channels = 0, all = 0;
  for (size_t g = 0; g < groups.size(); ++g) {
    const ChannelGroup& group = groups[g];
    rows.push_back({std::to_string(g + 1), group.name, std::to_string(group.width()), grouped(costs[g].params),
                    fmt::format("{:.6f}", gflops(costs[g].macs)),
                    fmt::format("{}", fmt::join(names_of(graph, group, Role::makes), " ")),
                    fmt::format("{}", fmt::join(names_of(graph, group, Role::reads), " ")), group.kept_because});
    if (!times.empty()) rows.back().insert(rows.back().begin() + kTimeColumn, fmt::format("{:.6f}", 1e-6 * times[g]));
    all += group.width();
    if (!group.prunable()) continue;
    ++prunable;
    channels += group.width();
  }
  return text_table(rows) + fmt::format("\n{} groups of {} channels; {} of them, {} channels, {}\n", groups.size(),
                                        grouped(all), prunable, grouped(channels),
                                        graph::is_quantized(graph)
                                            ? "could be cut before it was quantized: prune takes float models"
                                            : "can be cut");
}

}  // namespace

std::string info_groups(const graph::Graph& graph, const std::string& format, const prune::LatencyOf& latency_of,
                        const Json& settings) {
  const std::vector<ChannelGroup> groups = prune::channel_groups(graph);
  if (format == "svg") return prune::group_drawing(graph, groups);
  const std::vector<GroupCost> costs = prune::group_costs(graph, groups);
  if (!latency_of) {
    return format == "json" ? groups_json(graph, groups, costs, {}) : groups_table(graph, groups, costs, {});
  }
  const prune::LatencyCost latency(graph, groups, latency_of(graph, settings));
  const Times times = latency.saved_a_channel();
  if (format == "json") return groups_json(graph, groups, costs, times);
  return groups_table(graph, groups, costs, times) +
         fmt::format("latency of the model: {:.4g} ms, {}\n", 1e-6 * latency.full(), latency.latency().what);
}

}  // namespace quench::cli
