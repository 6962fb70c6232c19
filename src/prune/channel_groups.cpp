#include "prune/channel_groups.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/error.h"
#include "core/name_pattern.h"
#include "graph/op_traits.h"

namespace quench::prune {
namespace {

using graph::EdgeId;
using graph::Graph;
using graph::Node;

bool mixes(const Graph& graph, const Node& node) {
  return graph::traits(node.op).channels == graph::Channels::mixed && !graph::is_depthwise(graph, node);
}

/// The groups' units, without names and members: units that lie on the same edges, equally often.
std::vector<ChannelGroup> gather(const Graph& graph) {
  graph::ChannelUnits units = graph::channel_units(graph);
  std::map<std::vector<EdgeId>, size_t> group_of;
  std::vector<ChannelGroup> groups;
  for (ChannelUnit& unit : units.members) {
    std::vector<EdgeId> key(unit.size());
    std::ranges::transform(unit, key.begin(), &graph::Channel::edge);
    const auto [found, is_new] = group_of.emplace(std::move(key), groups.size());
    if (is_new) groups.emplace_back();
    groups[found->second].units.push_back(std::move(unit));
  }
  return groups;
}

/// Groups by edge.
std::vector<std::vector<size_t>> groups_on(const Graph& graph, const std::vector<ChannelGroup>& groups) {
  std::vector<std::vector<size_t>> on(graph.edges.size());
  for (size_t g = 0; g < groups.size(); ++g) {
    EdgeId last = -1;
    for (const graph::Channel& at : groups[g].units.front()) {
      if (at.edge != last) on.at(at.edge).push_back(g);
      last = at.edge;
    }
  }
  return on;
}

void add_members(const Graph& graph, std::vector<ChannelGroup>& groups) {
  const std::vector<std::vector<size_t>> on = groups_on(graph, groups);
  const auto add = [&](EdgeId edge, const Member& member) {
    for (size_t g : on[edge]) {
      std::vector<Member>& members = groups[g].members;
      if (std::ranges::find(members, member) == members.end()) members.push_back(member);
    }
  };
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const bool mixing = mixes(graph, node);
    for (EdgeId edge : node.inputs) add(edge, {static_cast<int>(i), mixing ? Role::reads : Role::follows});
    for (EdgeId edge : node.outputs) add(edge, {static_cast<int>(i), mixing ? Role::makes : Role::follows});
  }
}

void name_groups(const Graph& graph, std::vector<ChannelGroup>& groups) {
  std::map<std::string, int> count;
  for (ChannelGroup& group : groups) {
    const auto maker = std::ranges::find(group.members, Role::makes, &Member::role);
    group.name = maker != group.members.end() ? graph.nodes[maker->node].name
                                              : graph.edge(group.units.front().front().edge).name;
    if (const int n = ++count[group.name]; n > 1) group.name += fmt::format("#{}", n);
  }
}

void keep_ends(const Graph& graph, std::vector<ChannelGroup>& groups) {
  const std::vector<std::vector<size_t>> on = groups_on(graph, groups);
  for (EdgeId edge : graph.outputs) {
    for (size_t g : on[edge]) groups[g].kept_because = fmt::format("output {} of the model", graph.edge(edge).name);
  }
  for (EdgeId edge : graph.inputs) {
    for (size_t g : on[edge]) groups[g].kept_because = fmt::format("input {} of the model", graph.edge(edge).name);
  }
}

}  // namespace

std::vector<ChannelGroup> channel_groups(const Graph& graph) {
  std::vector<ChannelGroup> groups = gather(graph);
  add_members(graph, groups);
  name_groups(graph, groups);
  keep_ends(graph, groups);
  return groups;
}

void protect(const Graph& graph, const std::vector<std::string>& patterns, std::vector<ChannelGroup>& groups) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes) {
    if (graph::traits(node.op).layer) names.push_back(node.name);
  }
  const std::set<std::string> kept = select_names(patterns, names, "[prune] protect", "convolution or linear layer");
  for (ChannelGroup& group : groups) {
    if (!group.prunable()) continue;
    for (const Member& member : group.members) {
      const std::string& name = graph.nodes[member.node].name;
      if (member.role != Role::reads && kept.contains(name)) {
        group.kept_because = fmt::format("protected: {}", name);
        break;
      }
    }
  }
}

Keep keep_all(const std::vector<ChannelGroup>& groups) {
  Keep keep;
  for (const ChannelGroup& group : groups) keep.emplace_back(group.units.size(), true);
  return keep;
}

}  // namespace quench::prune
