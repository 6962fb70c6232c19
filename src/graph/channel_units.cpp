#include "graph/channel_units.h"

#include "graph/op_traits.h"
#include "graph/union_find.h"

namespace quench::graph {
namespace {

class Walk {
 public:
  explicit Walk(const Graph& graph) : first_(first_channels(graph)), sets_(first_.back()) {
    for (const Node& node : graph.nodes) take(node);
  }

  /// Where each edge's channels begin in one long list, and where that ends.
  static std::vector<size_t> first_channels(const Graph& graph) {
    std::vector<size_t> first{0};
    for (const Edge& edge : graph.edges) first.push_back(first.back() + static_cast<size_t>(edge.shape.at(1)));
    return first;
  }

  size_t root(size_t channel) { return sets_.root(channel); }

 private:
  size_t first(EdgeId edge) const { return first_.at(edge); }
  size_t count(EdgeId edge) const { return first_.at(edge + 1) - first_.at(edge); }
  void join(size_t from, size_t to, size_t channels) {
    for (size_t c = 0; c < channels; ++c) sets_.join(from + c, to + c);
  }

  void take(const Node& node) {
    switch (traits(node.op).channels) {
      case Channels::mixed: return mix(node);
      case Channels::kept:
        for (const EdgeId input : node.inputs) join(first(input), first(node.outputs[0]), count(input));
        return;
      case Channels::joined: return line_up(node.inputs, node.outputs[0]);
      case Channels::divided: return line_up(node.outputs, node.inputs[0]);
    }
  }
  /// The channels of `parts`, one part after another, are those of `whole`.
  void line_up(const std::vector<EdgeId>& parts, EdgeId whole) {
    size_t at = first(whole);
    for (const EdgeId part : parts) {
      join(first(part), at, count(part));
      at += count(part);
    }
  }
  void mix(const Node& node) {
    const auto groups = node.op == Op::conv ? static_cast<size_t>(node.as<ConvAttributes>().groups) : size_t{1};
    const EdgeId in = node.inputs[0], out = node.outputs[0];
    if (groups == 1) return;
    if (groups != count(in)) {
      for (const EdgeId edge : {in, out}) {
        const size_t width = count(edge) / groups;
        for (size_t g = 1; g < groups; ++g) join(first(edge), first(edge) + g * width, width);
      }
      return;
    }
    const size_t each = count(out) / groups;
    for (size_t c = 0; c < count(out); ++c) sets_.join(first(in) + c / each, first(out) + c);
  }

  std::vector<size_t> first_;
  UnionFind sets_;
};

}  // namespace

ChannelUnits channel_units(const Graph& graph) {
  ChannelUnits out;
  out.first_ = Walk::first_channels(graph);
  Walk walk(graph);
  std::vector<int> unit_of_root(out.first_.back(), -1);
  for (size_t edge = 0; edge < graph.edges.size(); ++edge) {
    for (size_t channel = out.first_[edge]; channel < out.first_[edge + 1]; ++channel) {
      int& unit = unit_of_root[walk.root(channel)];
      if (unit < 0) {
        unit = static_cast<int>(out.members.size());
        out.members.emplace_back();
      }
      out.unit_.push_back(unit);
      out.members[unit].push_back({static_cast<EdgeId>(edge), static_cast<int64_t>(channel - out.first_[edge])});
    }
  }
  return out;
}

bool is_depthwise(const Graph& graph, const Node& node) {
  if (node.op != Op::conv) return false;
  const int64_t groups = node.as<ConvAttributes>().groups;
  return groups > 1 && groups == graph.edge(node.inputs[0]).shape.at(1);
}

}  // namespace quench::graph
