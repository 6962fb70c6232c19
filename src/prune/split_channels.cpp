#include "prune/split_channels.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "prune/surgery.h"
#include "prune/unit_places.h"

namespace quench::prune {
namespace {

using graph::Graph;

/// Largest |w| of each output channel of a layer by the units that it reads: [O][units].
using Largest = std::vector<std::vector<double>>;

Largest largest_of(const Graph& graph, const graph::Node& node, const ChannelGroup& group) {
  const Tensor& weight = graph.required_weight(node, "weight").value;
  const auto values = weight.values<float>();
  const auto outputs = static_cast<size_t>(weight.shape()[0]), columns = static_cast<size_t>(weight.shape()[1]);
  const size_t area = values.size() / outputs / columns;
  const std::vector<std::vector<int64_t>> places = places_on(group, node.inputs.at(0));
  Largest out(outputs, std::vector<double>(group.units.size()));
  for (size_t u = 0; u < places.size(); ++u) {
    for (const int64_t place : places[u]) {
      const size_t column = static_cast<size_t>(place) % columns;  // groups of a convolution: the same of each
      for (size_t o = 0; o < outputs; ++o) {
        for (size_t k = 0; k < area; ++k) {
          const double size = std::abs(static_cast<double>(values[(o * columns + column) * area + k]));
          out[o][u] = std::max(out[o][u], size);
        }
      }
    }
  }
  return out;
}

/// How much the sum of squared maxima falls where each unit is halved.
std::vector<double> falls(const std::vector<Largest>& layers, size_t units) {
  std::vector<double> out(units);
  for (const Largest& layer : layers) {
    for (const std::vector<double>& row : layer) {
      const auto top = static_cast<size_t>(std::ranges::max_element(row) - row.begin());
      double second = row[top] / 2;
      for (size_t u = 0; u < units; ++u) {
        if (u != top) second = std::max(second, row[u]);
      }
      out[top] += row[top] * row[top] - second * second;
    }
  }
  return out;
}

}  // namespace

std::vector<bool> channels_to_split(const Graph& graph, const ChannelGroup& group, int64_t count) {
  std::vector<bool> split(group.units.size());
  std::vector<Largest> layers;
  for (const Member& member : group.members) {
    if (member.role == Role::reads) {
      layers.push_back(largest_of(graph, graph.nodes[static_cast<size_t>(member.node)], group));
    }
  }
  for (int64_t i = 0; i < count; ++i) {
    std::vector<double> gain = falls(layers, split.size());
    for (size_t u = 0; u < split.size(); ++u) {
      if (split[u]) gain[u] = 0;
    }
    const auto best = static_cast<size_t>(std::ranges::max_element(gain) - gain.begin());
    if (best >= gain.size() || !(gain[best] > 0)) break;
    split[best] = true;
    for (Largest& layer : layers) {
      for (std::vector<double>& row : layer) row[best] /= 2;
    }
  }
  return split;
}

SplitChannels split_channels(const Graph& graph, double ratio, const std::vector<std::string>& protect) {
  if (!(ratio > 0 && ratio <= 1)) fail(ErrorKind::config, "[prune.split] expected a ratio in (0,1], got {}", ratio);
  require_float(graph);
  std::vector<ChannelGroup> groups = channel_groups(graph);
  prune::protect(graph, protect, groups);
  SplitChannels out;
  Keep split;
  for (const ChannelGroup& group : groups) {
    const auto count = static_cast<int64_t>(std::ceil(ratio * static_cast<double>(group.width())));
    split.push_back(group.prunable() ? channels_to_split(graph, group, count) : std::vector<bool>(group.units.size()));
    const auto found = std::ranges::count(split.back(), true);
    out.channels += found;
    out.groups += found > 0;
  }
  out.graph = double_channels(graph, groups, split);
  out.graph.metadata["split_channels"] = std::to_string(out.channels);
  return out;
}

}  // namespace quench::prune
