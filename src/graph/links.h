#pragma once

#include <vector>

#include "graph/graph.h"

namespace quench::graph {

/// Producer and use count of every edge at once, for passes that ask for many. Not kept up to date.
struct Links {
  explicit Links(const Graph& graph) : producer(graph.edges.size(), -1), uses(graph.edges.size(), 0) {
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      for (EdgeId id : graph.nodes[i].outputs) producer.at(id) = static_cast<int>(i);
      for (EdgeId id : graph.nodes[i].inputs) ++uses.at(id);
    }
    for (EdgeId id : graph.outputs) ++uses.at(id);
  }

  std::vector<int> producer;  ///< index of the node that makes the edge, -1 for graph inputs
  std::vector<int> uses;      ///< inputs of nodes, and graph outputs
};

}  // namespace quench::graph
