#include "prune/latency_cost.h"

#include <algorithm>
#include <map>

#include "core/error.h"

namespace quench::prune {

LatencyCost::LatencyCost(const graph::Graph& graph, const std::vector<ChannelGroup>& groups, Latency latency)
    : latency_(std::move(latency)) {
  std::map<std::string, Channels> edges;
  for (size_t g = 0; g < groups.size(); ++g) {
    widths_.push_back(groups[g].width());
    std::map<graph::EdgeId, int64_t> times;
    for (const graph::Channel& at : groups[g].units.front()) ++times[at.edge];
    for (const auto& [edge, n] : times) edges[graph.edge(edge).name].push_back({g, n});
  }
  for (const Latency::Layer& layer : latency_.layers) {
    const auto in = edges.find(layer.layer.input), out = edges.find(layer.layer.output);
    ensure(in != edges.end() && out != edges.end(), "[prune] the model has no layer '{}' to be timed",
           layer.layer.name);
    channels_.emplace_back(in->second, out->second);
  }
}

int64_t LatencyCost::count(const Channels& channels, const std::vector<int64_t>& kept) {
  int64_t sum = 0;
  for (const Part& part : channels) sum += part.times * kept[part.group];
  return sum;
}

double LatencyCost::at(const std::vector<int64_t>& kept) const {
  double sum = 0;
  for (size_t i = 0; i < channels_.size(); ++i) {
    sum += latency_.layers[i].ns(count(channels_[i].first, kept), count(channels_[i].second, kept));
  }
  return latency_.constant_ns + latency_.scale * sum;
}

std::vector<double> LatencyCost::saved_a_channel() const {
  const double all = full();
  std::vector<int64_t> kept = widths_;
  std::vector<double> saved;
  for (size_t g = 0; g < kept.size(); ++g) {
    const int64_t gone = std::max<int64_t>(1, widths_[g] / 2);
    kept[g] -= gone;
    saved.push_back((all - at(kept)) / static_cast<double>(gone));
    kept[g] += gone;
  }
  return saved;
}

}  // namespace quench::prune
