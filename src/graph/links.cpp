#include "graph/links.h"

namespace quench::graph {

Links::Links(const Graph& graph)
    : producer(graph.edges.size(), -1), consumers(graph.edges.size()), is_output(graph.edges.size(), false) {
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const EdgeId id : graph.nodes[i].outputs) producer.at(id) = static_cast<int>(i);
    for (const EdgeId id : graph.nodes[i].inputs) consumers.at(id).push_back(static_cast<int>(i));
  }
  for (const EdgeId id : graph.outputs) is_output.at(id) = true;
}

}  // namespace quench::graph
