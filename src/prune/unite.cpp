#include "prune/unite.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/error.h"

namespace quench::prune {
namespace {

using graph::EdgeId;
using graph::Graph;
using graph::Node;
using graph::Op;

int64_t channels_of(const Graph& graph, EdgeId edge) {
  const Shape& shape = graph.edge(edge).shape;
  ensure(shape.size() >= 2, "[prune] expected a value with channels, got {} (edge {})", to_string(shape),
         graph.edge(edge).name);
  return shape[1];
}

/// Unites the rules of one node.
class NodeRule {
 public:
  NodeRule(const Graph& graph, const Node& node, ChannelSets& sets) : graph_(graph), node_(node), sets_(sets) {}

  void apply() {
    switch (node_.op) {
      case Op::conv: return convolution();
      case Op::linear: return;
      case Op::concat: {
        int64_t offset = 0;
        for (EdgeId in : node_.inputs) offset += range(in, 0, node_.outputs[0], offset, channels_of(graph_, in));
        return;
      }
      case Op::split: {
        int64_t offset = 0;
        for (EdgeId out : node_.outputs) offset += range(out, 0, node_.inputs[0], offset, channels_of(graph_, out));
        return;
      }
      case Op::batch_norm:
      case Op::silu:
      case Op::relu:
      case Op::sigmoid:
      case Op::add:
      case Op::mul:
      case Op::max_pool:
      case Op::upsample:
      case Op::global_avg_pool:
      case Op::flatten:
        for (EdgeId in : node_.inputs) range(in, 0, node_.outputs[0], 0, channels_of(graph_, in));
        return;
    }
  }

 private:
  /// Unites `count` channels of two edges; gives `count`.
  int64_t range(EdgeId a, int64_t first_a, EdgeId b, int64_t first_b, int64_t count) {
    for (int64_t i = 0; i < count; ++i) sets_.unite({a, first_a + i}, {b, first_b + i});
    return count;
  }

  void convolution() {
    const int64_t groups = node_.as<graph::ConvAttributes>().groups;
    const EdgeId in = node_.inputs[0], out = node_.outputs[0];
    const int64_t outputs = channels_of(graph_, out) / groups;
    if (is_depthwise(graph_, node_)) {
      for (int64_t c = 0; c < groups * outputs; ++c) sets_.unite({in, c / outputs}, {out, c});
      return;
    }
    for (EdgeId edge : {in, out}) {
      const int64_t width = channels_of(graph_, edge) / groups;
      for (int64_t g = 1; g < groups; ++g) range(edge, g * width, edge, 0, width);
    }
  }

  const Graph& graph_;
  const Node& node_;
  ChannelSets& sets_;
};

}  // namespace

bool is_depthwise(const Graph& graph, const Node& node) {
  if (node.op != Op::conv) return false;
  const int64_t groups = node.as<graph::ConvAttributes>().groups;
  return groups > 1 && groups == channels_of(graph, node.inputs[0]);
}

ChannelSets::ChannelSets(const Graph& graph) {
  first_.push_back(0);
  for (size_t e = 0; e < graph.edges.size(); ++e) {
    first_.push_back(first_.back() + static_cast<size_t>(channels_of(graph, static_cast<EdgeId>(e))));
  }
  parent_.resize(first_.back());
  std::iota(parent_.begin(), parent_.end(), size_t{0});
}

size_t ChannelSets::index(ChannelAt at) const {
  const size_t i = first_.at(at.edge) + static_cast<size_t>(at.channel);
  ensure(i < first_.at(at.edge + 1), "[prune] channel {} of edge {} is not there", at.channel, at.edge);
  return i;
}

size_t ChannelSets::root(size_t i) {
  while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
  return i;
}

void ChannelSets::unite(ChannelAt a, ChannelAt b) {
  const auto [low, high] = std::minmax({root(index(a)), root(index(b))});
  parent_[high] = low;  // so that a set's root is its first channel
}

std::vector<ChannelUnit> ChannelSets::units() {
  std::vector<ChannelUnit> units;
  std::vector<size_t> unit_of(parent_.size());
  for (size_t edge = 0; edge + 1 < first_.size(); ++edge) {
    for (size_t i = first_[edge]; i < first_[edge + 1]; ++i) {
      const size_t r = root(i);
      if (r == i) {
        unit_of[r] = units.size();
        units.emplace_back();
      }
      units[unit_of[r]].push_back({static_cast<EdgeId>(edge), static_cast<int64_t>(i - first_[edge])});
    }
  }
  return units;
}

ChannelSets unite_channels(const Graph& graph) {
  ChannelSets sets(graph);
  for (const Node& node : graph.nodes) NodeRule(graph, node, sets).apply();
  return sets;
}

}  // namespace quench::prune
