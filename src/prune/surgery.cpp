#include "prune/surgery.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "core/error.h"
#include "graph/op_traits.h"
#include "graph/quantized.h"
#include "graph/shape_inference.h"

namespace quench::prune {
namespace {

using graph::EdgeId;
using graph::Graph;
using graph::Node;
using graph::Op;
using Indices = std::vector<int64_t>;

/// The slices `indices` of `axis` 0 or 1.
Tensor select(const Tensor& tensor, size_t axis, const Indices& indices) {
  Shape shape = tensor.shape();
  const int64_t outer = axis == 0 ? 1 : shape[0], length = shape[axis];
  shape[axis] = static_cast<int64_t>(indices.size());
  Tensor out(tensor.dtype(), shape);
  const size_t slice = tensor.size_bytes() / static_cast<size_t>(outer * length);
  std::byte* to = out.mutable_bytes();
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t i : indices) {
      std::memcpy(to, tensor.bytes() + static_cast<size_t>(o * length + i) * slice, slice);
      to += slice;
    }
  }
  return out;
}

void check(const Graph& graph, const std::vector<ChannelGroup>& groups, const Keep& keep) {
  ensure(keep.size() == groups.size(), "[prune] expected a choice for {} groups, got {}", groups.size(), keep.size());
  require_float(graph);
  for (size_t g = 0; g < groups.size(); ++g) {
    ensure(keep[g].size() == groups[g].units.size(), "[prune] expected a choice for {} channels, got {} (group {})",
           groups[g].units.size(), keep[g].size(), groups[g].name);
    const auto kept = std::ranges::count(keep[g], true);
    if (kept == groups[g].width()) continue;
    if (!groups[g].prunable()) {
      fail(ErrorKind::config, "[prune] group {} keeps all of its channels: {}", groups[g].name, groups[g].kept_because);
    }
    if (kept == 0) fail(ErrorKind::config, "[prune] expected group {} to keep a channel, got none", groups[g].name);
  }
}

/// Channels that stay, or go, in order, by edge.
std::vector<Indices> channels_where(const Graph& graph, const std::vector<ChannelGroup>& groups, const Keep& keep,
                                    bool kept) {
  std::vector<Indices> channels(graph.edges.size());
  for (size_t g = 0; g < groups.size(); ++g) {
    for (size_t u = 0; u < groups[g].units.size(); ++u) {
      if (keep[g][u] != kept) continue;
      for (const graph::Channel& at : groups[g].units[u]) channels[at.edge].push_back(at.index);
    }
  }
  for (Indices& of_edge : channels) std::ranges::sort(of_edge);
  return channels;
}

class Surgery {
 public:
  Surgery(Graph graph, std::vector<Indices> kept) : graph_(std::move(graph)), kept_(std::move(kept)) {}

  Graph run() {
    for (Node& node : graph_.nodes) cut(node);
    for (EdgeId input : graph_.inputs) {
      ensure(static_cast<int64_t>(kept_[input].size()) == graph_.edge(input).shape[1], "[prune] an input was cut");
    }
    graph::infer_shapes(graph_);
    return std::move(graph_);
  }

 private:
  void cut(Node& node) {
    switch (node.op) {
      case Op::conv: return cut_conv(node);
      case Op::linear: return cut_weight(node, kept_[node.outputs[0]], kept_[node.inputs[0]]);
      case Op::batch_norm:
        for (const char* role : {"weight", "bias", "running_mean", "running_var"}) {
          select_role(node, role, 0, kept_[node.outputs[0]]);
        }
        return;
      case Op::split: {
        graph::SplitAttributes& split = std::get<graph::SplitAttributes>(node.attributes);
        for (size_t i = 0; i < node.outputs.size(); ++i) {
          split.sizes[i] = static_cast<int64_t>(kept_[node.outputs[i]].size());
        }
        return;
      }
      default: return;
    }
  }

  void cut_conv(Node& node) {
    graph::ConvAttributes& conv = std::get<graph::ConvAttributes>(node.attributes);
    const Indices& inputs = kept_[node.inputs[0]];
    const Indices& outputs = kept_[node.outputs[0]];
    if (graph::is_depthwise(graph_, node)) {
      conv.groups = static_cast<int64_t>(inputs.size());
      return cut_weight(node, outputs, {0});
    }
    // Groups lose the same channels each: the first group's are the columns.
    const int64_t columns = graph_.required_weight(node, "weight").value.shape()[1];
    Indices of_first_group;
    std::ranges::copy_if(inputs, std::back_inserter(of_first_group), [&](int64_t c) { return c < columns; });
    cut_weight(node, outputs, of_first_group);
  }

  void cut_weight(const Node& node, const Indices& rows, const Indices& columns) {
    select_role(node, "weight", 1, columns);
    select_role(node, "weight", 0, rows);
    select_role(node, "bias", 0, rows);
  }

  void select_role(const Node& node, const char* role, size_t axis, const Indices& indices) {
    graph::Weight* weight = graph_.weight(node, role);
    if (!weight || static_cast<int64_t>(indices.size()) == weight->value.shape()[axis]) return;
    weight->value = select(weight->value, axis, indices);
  }

  Graph graph_;
  std::vector<Indices> kept_;
};

void zero_rows(graph::Weight* weight, const Indices& rows) {
  if (!weight || rows.empty()) return;
  const size_t slice = weight->value.size_bytes() / static_cast<size_t>(weight->value.shape()[0]);
  std::byte* bytes = weight->value.mutable_bytes();
  for (int64_t row : rows) std::memset(bytes + static_cast<size_t>(row) * slice, 0, slice);
}

/// Halves the columns of a layer that read channels which are there twice. `channels`: what the input edge has now, by
/// the indices that they had.
void halve_copies(Graph& graph, const Node& node, const Indices& channels) {
  if (graph::is_depthwise(graph, node)) return;  // each output channel reads its own copy
  Tensor& weight = graph.weight(node, "weight")->value;
  const auto values = weight.mutable_values<float>();
  const auto outputs = static_cast<size_t>(weight.shape()[0]), columns = static_cast<size_t>(weight.shape()[1]);
  const size_t area = values.size() / outputs / columns;
  for (size_t c = 0; c < columns; ++c) {  // of the first group of a convolution, which the others equal
    const bool copy =
        (c > 0 && channels[c] == channels[c - 1]) || (c + 1 < channels.size() && channels[c] == channels[c + 1]);
    if (!copy) continue;
    for (size_t o = 0; o < outputs; ++o) {
      for (size_t k = 0; k < area; ++k) values[(o * columns + c) * area + k] *= 0.5f;
    }
  }
}

}  // namespace

void require_float(const Graph& graph) {
  if (!graph::is_quantized(graph)) return;
  fail(ErrorKind::config, "[prune] expected a float model, got a quantized one: prune first, then quantize");
}

Graph cut_channels(const Graph& graph, const std::vector<ChannelGroup>& groups, const Keep& keep) {
  check(graph, groups, keep);
  return Surgery(graph, channels_where(graph, groups, keep, true)).run();
}

Graph double_channels(const Graph& graph, const std::vector<ChannelGroup>& groups, const Keep& twice) {
  Keep all = keep_all(groups);
  check(graph, groups, all);
  std::vector<Indices> channels = channels_where(graph, groups, all, true);
  for (size_t g = 0; g < groups.size(); ++g) {
    for (size_t u = 0; u < groups[g].units.size(); ++u) {
      if (!twice.at(g).at(u)) continue;
      if (!groups[g].prunable()) {
        fail(ErrorKind::config, "[prune] group {} keeps its channels as they are: {}", groups[g].name,
             groups[g].kept_because);
      }
      for (const graph::Channel& at : groups[g].units[u]) channels[at.edge].push_back(at.index);
    }
  }
  for (Indices& of_edge : channels) std::ranges::sort(of_edge);
  const std::vector<Indices> made = channels;
  Graph out = Surgery(graph, std::move(channels)).run();
  for (const Node& node : out.nodes) {
    if (graph::traits(node.op).layer) halve_copies(out, node, made[node.inputs.at(0)]);
  }
  return out;
}

Graph zero_channels(const Graph& graph, const std::vector<ChannelGroup>& groups, const Keep& keep) {
  check(graph, groups, keep);
  const std::vector<Indices> gone = channels_where(graph, groups, keep, false);
  Graph zeroed = graph;
  for (const Node& node : graph.nodes) {
    if (graph::traits(node.op).weights.empty()) continue;
    for (const char* role : {"weight", "bias"}) zero_rows(zeroed.weight(node, role), gone[node.outputs[0]]);
  }
  return zeroed;
}

}  // namespace quench::prune
