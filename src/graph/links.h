#pragma once

#include <vector>

#include "graph/graph.h"

namespace quench::graph {

/// Who makes and who reads every edge, for all who ask for many. Not kept up to date.
struct Links {
  explicit Links(const Graph& graph);

  /// Times that the edge is read: inputs of nodes, and graph outputs.
  size_t uses(EdgeId edge) const { return consumers.at(edge).size() + (is_output.at(edge) ? 1 : 0); }
  /// The node that reads the edge where nothing else does, or -1.
  int only_consumer(EdgeId edge) const { return uses(edge) == 1 && !is_output[edge] ? consumers[edge][0] : -1; }

  std::vector<int> producer;                ///< of each edge: index of the node that makes it, -1 for graph inputs
  std::vector<std::vector<int>> consumers;  ///< of each edge: nodes ascending, one once for each input that reads it
  std::vector<bool> is_output;              ///< of each edge: it is an output of the graph
};

}  // namespace quench::graph
