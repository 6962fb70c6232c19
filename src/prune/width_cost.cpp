#include "prune/width_cost.h"

#include <algorithm>
#include <map>

#include "graph/op_traits.h"

namespace quench::prune {

using graph::Graph;
using graph::Node;
using graph::Op;

WidthCost::WidthCost(const Graph& graph, const std::vector<ChannelGroup>& groups) {
  std::vector<Channels> edges(graph.edges.size());
  for (size_t g = 0; g < groups.size(); ++g) {
    widths_.push_back(groups[g].width());
    std::map<graph::EdgeId, int64_t> times;
    for (const graph::Channel& at : groups[g].units.front()) ++times[at.edge];
    for (const auto& [edge, n] : times) edges[edge].push_back({g, n});
  }
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

int64_t WidthCost::count(const Channels& channels, const std::vector<int64_t>& kept) {
  int64_t sum = 0;
  for (const Part& part : channels) sum += part.times * kept[part.group];
  return sum;
}

WidthCost::Total WidthCost::at(const std::vector<int64_t>& kept) const {
  Total total;
  for (const Layer& layer : layers_) {
    const int64_t outputs = count(layer.outputs, kept);
    total.params += layer.beside * outputs;
    if (!layer.multiplies) continue;
    const int64_t columns = layer.groups == 0 ? 1 : count(layer.inputs, kept) / layer.groups;
    const int64_t weights = outputs * columns * layer.window;
    total.params += weights;
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
