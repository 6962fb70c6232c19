#pragma once

#include <cstdint>
#include <vector>

#include "graph/graph.h"
#include "prune/channel_groups.h"
#include "prune/edge_channels.h"

namespace quench::prune {

/// What a model costs at given widths, without cutting it: for searches that ask thousands of times.
/// Equal to metrics::cost of the cut graph, weights_bytes to that of the cut and folded one.
class WidthCost {
 public:
  struct Total {
    int64_t params = 0;
    int64_t macs = 0;           ///< for one image; GFLOPs are 2 x macs / 1e9
    int64_t weights_bytes = 0;  ///< as a deployed model stores them: batch norms folded, as the record's field
  };

  WidthCost(const graph::Graph& graph, const std::vector<ChannelGroup>& groups);

  /// `kept`: units that stay, by group.
  Total at(const std::vector<int64_t>& kept) const;
  /// Of all units.
  Total full() const;

 private:
  struct Layer {
    EdgeChannels inputs, outputs;
    int64_t groups = 1;     ///< of a convolution; 0: depth-wise
    int64_t window = 1;     ///< kernel height x width
    int64_t positions = 1;  ///< output height x width
    int64_t beside = 0;     ///< parameters of an output channel beside the weight: bias; batch norm's two
    int64_t stored = 0;     ///< bytes of an output channel beside the weight, batch norms folded
    int64_t element = 4;    ///< bytes of a weight
    bool multiplies = false;
  };

  std::vector<Layer> layers_;
  std::vector<int64_t> widths_;
};

/// Units that stay, by group.
std::vector<int64_t> kept_counts(const Keep& keep);

}  // namespace quench::prune
