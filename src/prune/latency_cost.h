#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/json.h"
#include "graph/graph.h"
#include "metrics/layer_shape.h"
#include "prune/channel_groups.h"
#include "prune/edge_channels.h"

namespace quench::prune {

/// Where a model's time goes on a device, as something outside of prune/ has measured or forecast it.
struct Latency {
  struct Layer {
    metrics::ShapedLayer layer;
    /// Its time in ns where it has so many input and output channels. Does not fall where either rises.
    std::function<double(int64_t in, int64_t out)> ns;
  };
  std::vector<Layer> layers;
  double constant_ns = 0;  ///< what no layer's channels change
  double scale = 1;        ///< latency = constant_ns + scale x the sum over layers
  Json told;               ///< of the device and of where the times come from, for the metadata `pruned`
  std::string what;        ///< likewise for people: "measured on host (native, 1 thread, fp32), table 0123456789ab"
};

/// Finds out about a float model. settings: those of config::prune_options() that begin with `latency_`.
using LatencyOf = std::function<Latency(const graph::Graph& graph, const Json& settings)>;

/// What a model's latency is at given widths, by the sum over its layers, without cutting it.
class LatencyCost {
 public:
  /// `latency` and `groups` are of `graph`. Throws Error{internal} for layers that it does not have.
  LatencyCost(const graph::Graph& graph, const std::vector<ChannelGroup>& groups, Latency latency);

  /// In ns. `kept`: units that stay, by group.
  double at(const std::vector<int64_t>& kept) const;
  /// Of all units.
  double full() const { return at(widths_); }
  /// Time that a channel of each group saves, in ns: what half of the group (rounded down, of one channel: all) saves
  /// where no other group loses any, over how many channels that is. The mean over half of them, for latency falls in
  /// steps.
  std::vector<double> saved_a_channel() const;

  const Latency& latency() const { return latency_; }

 private:
  Latency latency_;
  std::vector<std::pair<EdgeChannels, EdgeChannels>> channels_;  ///< of each layer: inputs, outputs
  std::vector<int64_t> widths_;
};

}  // namespace quench::prune
