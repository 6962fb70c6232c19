#include "onnx/compose_silu.h"

#include <vector>

#include "graph/links.h"

namespace quench::onnx {

graph::Graph compose_silu(graph::Graph graph) {
  const graph::Links links(graph);
  std::vector<bool> gone(graph.nodes.size(), false);
  for (graph::Node& node : graph.nodes) {
    if (node.op != graph::Op::mul) continue;
    for (const int gate : {1, 0}) {
      const graph::EdgeId x = node.inputs[1 - gate], gated = node.inputs[gate];
      const int maker = links.producer[gated];
      if (maker < 0 || graph.nodes[maker].op != graph::Op::sigmoid || graph.nodes[maker].inputs[0] != x) continue;
      if (links.uses(gated) != 1) continue;
      node.op = graph::Op::silu;
      node.inputs = {x};
      gone[maker] = true;
      break;
    }
  }
  std::vector<graph::Node> kept;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!gone[i]) kept.push_back(std::move(graph.nodes[i]));
  }
  graph.nodes = std::move(kept);
  return graph;
}

}  // namespace quench::onnx
