#include "nn/plan.h"

#include <algorithm>

#include "graph/links.h"
#include "graph/quantized.h"

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

std::vector<bool> silus_of_sums(const graph::Graph& graph) {
  std::vector<bool> out(graph.nodes.size(), false);
  const auto target = graph.metadata.find("target");
  if (target == graph.metadata.end() || target->second != "native") return out;
  const graph::Links links(graph);
  const auto rounded_convolution = [&](const graph::Node& node) {
    return node.op == Op::conv && graph::rounds_weights(graph, node);
  };
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const graph::Node& node = graph.nodes[i];
    if (const auto& made = graph.edge(node.outputs[0]).quant; !made || made->dynamic) continue;
    if (rounded_convolution(node)) {
      out[i] = node.activation == graph::Activation::silu;
    } else if (node.op == Op::silu && !graph.edge(node.inputs[0]).quant) {
      const int maker = links.producer[node.inputs[0]];
      out[i] = maker >= 0 && rounded_convolution(graph.nodes[static_cast<size_t>(maker)]) &&
               links.only_consumer(node.inputs[0]) == static_cast<int>(i);
    }
  }
  return out;
}

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
