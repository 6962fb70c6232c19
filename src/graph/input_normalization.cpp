#include "graph/input_normalization.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "graph/passes.h"

namespace quench::graph {

const Node* input_normalization(const Graph& graph) {
  const auto found = std::ranges::find(graph.nodes, kNormalizeNode, &Node::name);
  return found == graph.nodes.end() ? nullptr : &*found;
}

Graph normalize_input(Graph graph, const Normalization& normalization) {
  const bool image = graph.inputs.size() == 1 && graph.edge(graph.inputs[0]).shape.size() == 4 &&
                     graph.edge(graph.inputs[0]).shape[1] == 3;
  if (!image || graph.edge(graph.inputs[0]).quant || input_normalization(graph)) {
    fail(ErrorKind::data, "[graph.normalize] expected a float graph of one image that is not normalised yet");
  }
  Tensor weight(DType::f32, {3, 1, 1, 1}), bias(DType::f32, {3});
  for (size_t c = 0; c < 3; ++c) {
    const double mean = normalization.mean[c], deviation = normalization.std[c];
    if (!std::isfinite(mean) || !std::isfinite(deviation) || !(deviation > 0)) {
      fail(ErrorKind::data, "[graph.normalize] expected finite means and deviations above 0, got {} and {}", mean,
           deviation);
    }
    weight.mutable_values<float>()[c] = static_cast<float>(1 / deviation);
    bias.mutable_values<float>()[c] = static_cast<float>(-mean / deviation);
  }
  const EdgeId input = graph.inputs[0];
  Edge normalized = graph.edge(input);
  normalized.name = kNormalizeNode;
  normalized.dtype = DType::f32;
  const EdgeId output = graph.add_edge(normalized);
  for (Node& node : graph.nodes) std::ranges::replace(node.inputs, input, output);
  std::ranges::replace(graph.outputs, input, output);
  Node node{std::string(kNormalizeNode), Op::conv, ConvAttributes{}, {input}, {output}};
  std::get<ConvAttributes>(node.attributes).groups = 3;
  graph.nodes.insert(graph.nodes.begin(), std::move(node));
  graph.weights[std::string(kNormalizeNode) + ".weight"] = {std::move(weight), std::nullopt};
  graph.weights[std::string(kNormalizeNode) + ".bias"] = {std::move(bias), std::nullopt};
  return compact(std::move(graph));
}

}  // namespace quench::graph
