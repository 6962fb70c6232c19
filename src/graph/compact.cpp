#include <algorithm>
#include <map>
#include <vector>

#include "graph/op_traits.h"
#include "graph/passes.h"

namespace quench::graph {

Graph compact(Graph graph) {
  std::vector<bool> wanted(graph.edges.size());
  for (EdgeId id : graph.outputs) wanted.at(id) = true;
  std::vector<Node> nodes;
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    Node& node = graph.nodes[i];
    if (std::none_of(node.outputs.begin(), node.outputs.end(), [&](EdgeId id) { return wanted.at(id); })) continue;
    for (EdgeId id : node.inputs) wanted.at(id) = true;
    nodes.push_back(std::move(node));
  }
  std::reverse(nodes.begin(), nodes.end());

  std::vector<Edge> edges;
  std::vector<EdgeId> renumbered(graph.edges.size(), -1);
  const auto renumber = [&](std::vector<EdgeId>& ids) {
    for (EdgeId& id : ids) {
      EdgeId& target = renumbered.at(id);
      if (target < 0) {
        target = static_cast<EdgeId>(edges.size());
        edges.push_back(std::move(graph.edges[id]));
      }
      id = target;
    }
  };
  renumber(graph.inputs);
  for (Node& node : nodes) {
    renumber(node.inputs);
    renumber(node.outputs);
  }
  renumber(graph.outputs);

  std::map<std::string, Weight> weights;
  for (const Node& node : nodes) {
    for (const WeightRole& role : traits(node.op).weights) {
      const auto found = graph.weights.find(node.name + "." + std::string(role.name));
      if (found != graph.weights.end()) weights.insert(graph.weights.extract(found));
    }
  }
  graph.nodes = std::move(nodes);
  graph.edges = std::move(edges);
  graph.weights = std::move(weights);
  return graph;
}

}  // namespace quench::graph
