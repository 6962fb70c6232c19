#include "prune/width_cost.h"

#include <algorithm>

#include "graph/links.h"
#include "graph/op_traits.h"

namespace quench::prune {

using graph::Graph;
using graph::Node;
using graph::Op;

namespace {

/// The batch norm that graph::fold_batch_norms folds into a convolution, or nullptr.
const Node* folded_norm(const Graph& graph, const graph::Links& links, const Node& node) {
  if (node.op != Op::conv) return nullptr;
  const int next = links.only_consumer(node.outputs[0]);
  return next >= 0 && graph.nodes[next].op == Op::batch_norm ? &graph.nodes[next] : nullptr;
}

/// Bytes of a node's weights that have one value a channel.
int64_t bytes_a_channel(const Graph& graph, const Node& node) {
  int64_t bytes = 0;
  for (const graph::WeightRole& role : graph::traits(node.op).weights) {
    const graph::Weight* weight = graph.weight(node, role.name);
    if (weight && weight->value.shape().size() == 1) bytes += static_cast<int64_t>(size_of(weight->value.dtype()));
  }
  return bytes;
}

}  // namespace

WidthCost::WidthCost(const Graph& graph, const std::vector<ChannelGroup>& groups) {
  for (const ChannelGroup& group : groups) widths_.push_back(group.width());
  const std::vector<EdgeChannels> edges = edge_channels(graph, groups);
  const graph::Links links(graph);
  for (const Node& node : graph.nodes) {
    const bool multiplies = graph::traits(node.op).layer;
    if (!multiplies && node.op != Op::batch_norm) continue;
    Layer layer;
    layer.multiplies = multiplies;
    layer.inputs = edges[node.inputs[0]];
    layer.outputs = edges[node.outputs[0]];
    for (const char* role : {"weight", "bias"}) {
      const graph::Weight* weight = graph.weight(node, role);
      if (weight && weight->value.shape().size() == 1) ++layer.beside;
    }
    if (multiplies) {
      layer.element = static_cast<int64_t>(size_of(graph.required_weight(node, "weight").value.dtype()));
      layer.stored = folded_norm(graph, links, node) ? layer.element : bytes_a_channel(graph, node);
    } else {
      const int before = links.producer[node.inputs[0]];
      const bool gone = before >= 0 && folded_norm(graph, links, graph.nodes[before]) == &node;
      layer.stored = gone ? 0 : bytes_a_channel(graph, node);
    }
    if (node.op == Op::conv) {
      const auto& conv = node.as<graph::ConvAttributes>();
      const Shape& out = graph.edge(node.outputs[0]).shape;
      layer.groups = graph::is_depthwise(graph, node) ? 0 : conv.groups;
      layer.window = conv.kernel[0] * conv.kernel[1];
      layer.positions = out[2] * out[3];
    }
    layers_.push_back(std::move(layer));
  }
}

WidthCost::Total WidthCost::at(const std::vector<int64_t>& kept) const {
  Total total;
  for (const Layer& layer : layers_) {
    const int64_t outputs = layer.outputs.at(kept);
    total.params += layer.beside * outputs;
    total.weights_bytes += layer.stored * outputs;
    if (!layer.multiplies) continue;
    const int64_t columns = layer.groups == 0 ? 1 : layer.inputs.at(kept) / layer.groups;
    const int64_t weights = outputs * columns * layer.window;
    total.params += weights;
    total.weights_bytes += weights * layer.element;
    total.macs += weights * layer.positions;
  }
  return total;
}

WidthCost::Total WidthCost::full() const { return at(widths_); }

std::vector<int64_t> kept_counts(const Keep& keep) {
  std::vector<int64_t> counts;
  for (const std::vector<bool>& group : keep) counts.push_back(std::ranges::count(group, true));
  return counts;
}

}  // namespace quench::prune
