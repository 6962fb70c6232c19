#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace quench::weights {

/// Which node of a network is which of a model of ours.
struct GraphMatch {
  std::map<int, int> nodes;          ///< index in the model's nodes: index in the network's
  std::vector<graph::EdgeId> heads;  ///< of each output of the model: the network's edge
};

/// Finds a model in a network from its outputs upwards: the same operations with the same attributes and weights of the
/// same shapes, wired in the same way, as far as the input. Names do not matter, nor does the order of the two inputs
/// of an addition; a convolution of the model may have a bias where the network's has none. heads: edges of the network
/// that may be outputs of the model; those that are none must be of nodes within it, since files may give out inner
/// maps too. None where it is another network.
std::optional<GraphMatch> match_graph(const graph::Graph& model, const graph::Graph& network,
                                      const std::vector<graph::EdgeId>& heads);

}  // namespace quench::weights
