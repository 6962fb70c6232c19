#include "prune/latency_cost.h"

#include <algorithm>
#include <map>

#include "core/error.h"

namespace quench::prune {

LatencyCost::LatencyCost(const graph::Graph& graph, const std::vector<ChannelGroup>& groups, Latency latency)
    : latency_(std::move(latency)) {
  for (const ChannelGroup& group : groups) widths_.push_back(group.width());
  const std::vector<EdgeChannels> channels = edge_channels(graph, groups);
  std::map<std::string, EdgeChannels> edges;
  for (size_t edge = 0; edge < channels.size(); ++edge) {
    if (!channels[edge].none()) edges.emplace(graph.edges[edge].name, channels[edge]);
  }
  for (const Latency::Layer& layer : latency_.layers) {
    const auto in = edges.find(layer.layer.input), out = edges.find(layer.layer.output);
    ensure(in != edges.end() && out != edges.end(), "[prune] the model has no layer '{}' to be timed",
           layer.layer.name);
    channels_.emplace_back(in->second, out->second);
  }
}

double LatencyCost::at(const std::vector<int64_t>& kept) const {
  double sum = 0;
  for (size_t i = 0; i < channels_.size(); ++i) {
    sum += latency_.layers[i].ns(channels_[i].first.at(kept), channels_[i].second.at(kept));
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
