#include "nn/plan.h"

#include <algorithm>

#include "graph/links.h"

namespace quench::nn {

namespace {

using graph::EdgeId;
using graph::Op;

/// Step after which nothing reads an edge, -1 for graph outputs and what no step makes.
int last_use(const graph::Links& links, const std::vector<int>& step_of, size_t edge) {
  if (links.is_output[edge]) return -1;
  int last = links.producer[edge] < 0 ? -1 : step_of[links.producer[edge]];
  for (const int node : links.consumers[edge]) last = std::max(last, step_of[node]);
  return last;
}

}  // namespace

std::vector<Step> make_plan(const graph::Graph& graph) {
  const graph::Links links(graph);
  std::vector<Step> steps;
  std::vector<int> step_of(graph.nodes.size(), -1);  ///< the turn of each node
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (step_of[i] >= 0) continue;
    Step step;
    step.node = static_cast<int>(i);
    step_of[i] = static_cast<int>(steps.size());
    const graph::Node& node = graph.nodes[i];
    if (node.op == Op::batch_norm && node.activation == graph::Activation::none) {
      const EdgeId between = node.outputs[0];
      const int reader = links.only_consumer(between);
      if (reader >= 0 && graph.nodes[reader].op == Op::silu && !graph.edge(between).quant) {
        step.silu = reader;
        step_of[reader] = step_of[i];
      }
    }
    steps.push_back(step);
  }
  for (size_t edge = 0; edge < graph.edges.size(); ++edge) {
    const int last = last_use(links, step_of, edge);
    if (last >= 0) steps[last].freed.push_back(static_cast<EdgeId>(edge));
  }
  return steps;
}

}  // namespace quench::nn
