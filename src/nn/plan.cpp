#include "nn/plan.h"

#include <algorithm>

namespace quench::nn {

namespace {

using graph::EdgeId;
using graph::Op;

/// Step of each edge's last use, -1 for graph outputs.
std::vector<int> last_uses(const graph::Graph& graph, const std::vector<Step>& steps) {
  std::vector<int> last(graph.edges.size(), -1);
  for (size_t i = 0; i < steps.size(); ++i) {
    for (int index : {steps[i].node, steps[i].silu}) {
      if (index < 0) continue;
      for (EdgeId edge : graph.nodes[index].inputs) last[edge] = static_cast<int>(i);
      for (EdgeId edge : graph.nodes[index].outputs) last[edge] = static_cast<int>(i);
    }
  }
  for (EdgeId edge : graph.outputs) last[edge] = -1;
  return last;
}

}  // namespace

std::vector<Step> make_plan(const graph::Graph& graph) {
  std::vector<int> readers(graph.edges.size(), 0), reader(graph.edges.size(), -1);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    for (EdgeId edge : graph.nodes[i].inputs) {
      ++readers[edge];
      reader[edge] = static_cast<int>(i);
    }
  }
  for (EdgeId edge : graph.outputs) readers[edge] += 2;  // stays visible

  std::vector<Step> steps;
  std::vector<bool> taken(graph.nodes.size(), false);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (taken[i]) continue;
    Step step;
    step.node = static_cast<int>(i);
    const graph::Node& node = graph.nodes[i];
    if (node.op == Op::batch_norm && node.activation == graph::Activation::none) {
      const EdgeId between = node.outputs[0];
      if (readers[between] == 1 && graph.nodes[reader[between]].op == Op::silu && !graph.edge(between).quant) {
        step.silu = reader[between];
        taken[step.silu] = true;
      }
    }
    steps.push_back(step);
  }
  const std::vector<int> last = last_uses(graph, steps);
  for (size_t edge = 0; edge < last.size(); ++edge) {
    if (last[edge] >= 0) steps[last[edge]].freed.push_back(static_cast<EdgeId>(edge));
  }
  return steps;
}

}  // namespace quench::nn
