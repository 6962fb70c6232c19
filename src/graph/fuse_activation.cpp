#include <set>
#include <string>
#include <vector>

#include "graph/free_name.h"
#include "graph/links.h"
#include "graph/op_traits.h"
#include "graph/passes.h"

namespace quench::graph {
namespace {

/// Node and edge names in use, for new ones.
struct Names {
  explicit Names(const Graph& graph) {
    for (const Node& node : graph.nodes) nodes.insert(node.name);
    for (const Edge& edge : graph.edges) edges.insert(edge.name);
  }
  std::string node(std::string wanted) { return take(nodes, std::move(wanted)); }
  std::string edge(std::string wanted) { return take(edges, std::move(wanted)); }

  std::set<std::string> nodes, edges;

 private:
  static std::string take(std::set<std::string>& used, std::string wanted) {
    return *used.insert(free_name(std::move(wanted), [&](const std::string& name) { return used.count(name); })).first;
  }
};

Graph unfuse(Graph graph, bool silu_only) {
  Names names(graph);
  std::vector<Node> nodes;
  nodes.reserve(graph.nodes.size());
  for (Node& node : graph.nodes) {
    const Activation activation = node.activation;
    const bool split = silu_only ? activation == Activation::silu : activation != Activation::none;
    nodes.push_back(std::move(node));
    if (!split) continue;
    Node& maker = nodes.back();
    const Edge& out = graph.edge(maker.outputs.at(0));
    Node act;
    act.name = names.node(names.nodes.count(out.name) ? maker.name + ".act" : out.name);
    act.op = activation == Activation::silu ? Op::silu : Op::relu;
    const EdgeId between = graph.add_edge({names.edge(maker.name), Shape(out.shape), DType::f32, std::nullopt});
    act.inputs = {between};
    act.outputs = maker.outputs;
    maker.outputs = {between};
    maker.activation = Activation::none;
    nodes.push_back(std::move(act));
  }
  graph.nodes = std::move(nodes);
  return graph;
}

}  // namespace

Graph fuse_activations(Graph graph) {
  const Links links(graph);
  std::vector<Node> kept;
  kept.reserve(graph.nodes.size());
  std::vector<int> kept_index(graph.nodes.size(), -1);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    Node& node = graph.nodes[i];
    if (node.op == Op::silu || node.op == Op::relu) {
      const EdgeId between = node.inputs.at(0);
      const int producer = links.producer.at(between);
      Node* maker = producer >= 0 && kept_index[producer] >= 0 ? &kept[kept_index[producer]] : nullptr;
      if (maker && links.uses(between) == 1 && !graph.edge(between).quant && traits(maker->op).takes_activation &&
          maker->activation == Activation::none) {
        maker->activation = node.op == Op::silu ? Activation::silu : Activation::relu;
        maker->outputs = node.outputs;
        continue;
      }
    }
    kept_index[i] = static_cast<int>(kept.size());
    kept.push_back(std::move(node));
  }
  graph.nodes = std::move(kept);
  return compact(std::move(graph));
}

Graph unfuse_activations(Graph graph) { return compact(unfuse(std::move(graph), false)); }

Graph decompose_silu(Graph graph) {
  graph = unfuse(std::move(graph), true);
  Names names(graph);
  std::vector<Node> nodes;
  nodes.reserve(graph.nodes.size());
  for (Node& node : graph.nodes) {
    if (node.op != Op::silu) {
      nodes.push_back(std::move(node));
      continue;
    }
    const EdgeId x = node.inputs.at(0), y = node.outputs.at(0);
    const std::string gate_name = names.node(node.name + ".sigmoid");
    const EdgeId gate = graph.add_edge({names.edge(gate_name), Shape(graph.edge(x).shape), DType::f32, std::nullopt});
    nodes.push_back({gate_name, Op::sigmoid, {}, {x}, {gate}});
    nodes.push_back({names.node(node.name + ".mul"), Op::mul, {}, {x, gate}, {y}});
  }
  graph.nodes = std::move(nodes);
  return compact(std::move(graph));
}

}  // namespace quench::graph
