#include "quant/equalize.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/error.h"
#include "graph/input_normalization.h"
#include "graph/links.h"
#include "graph/op_traits.h"
#include "graph/passes.h"
#include "graph/quantized.h"

namespace quench::quant {
namespace {

using graph::Graph;
using graph::Node;
using graph::Op;

constexpr int kRounds = 100;
constexpr double kSettled = 1e-3;

/// The layer that alone reads what a layer gives, through operations f(s x) = s f(x), and whether a silu is among them.
struct Follower {
  int node = -1;
  bool silu = false;
};

std::optional<Follower> follower_of(const Graph& graph, const graph::Links& links, const Node& layer) {
  Follower out;
  out.silu = layer.activation == graph::Activation::silu;
  graph::EdgeId edge = layer.outputs.at(0);
  while (true) {
    const int reader = links.only_consumer(edge);
    if (reader < 0) return std::nullopt;
    const Node& node = graph.nodes[static_cast<size_t>(reader)];
    switch (node.op) {
      case Op::conv:
      case Op::linear: out.node = reader; return out;
      case Op::silu: out.silu = true; break;
      case Op::relu:
      case Op::max_pool:
      case Op::upsample:
      case Op::global_avg_pool: break;
      case Op::flatten: {
        const Shape& shape = graph.edge(node.inputs[0]).shape;  // a channel must stay one value
        if (shape.size() == 4 && shape[2] * shape[3] != 1) return std::nullopt;
        break;
      }
      default: return std::nullopt;
    }
    edge = node.outputs.at(0);
  }
}

/// The weights of two layers that share channels.
class ScaledPair {
 public:
  ScaledPair(Graph& graph, const Node& first, const Node& second)
      : first_(graph.weight(first, "weight")->value),
        bias_(graph.weight(first, "bias") ? &graph.weight(first, "bias")->value : nullptr),
        second_(graph.weight(second, "weight")->value),
        channels_(first_.shape().at(0)) {}

  /// Largest |w| of each channel in the first and in the second.
  void ranges(std::vector<double>& r1, std::vector<double>& r2) const {
    r1.assign(static_cast<size_t>(channels_), 0);
    r2.assign(static_cast<size_t>(channels_), 0);
    const auto w1 = first_.values<float>(), w2 = second_.values<float>();
    for (size_t i = 0; i < w1.size(); ++i) {
      double& range = r1[channel_of_first(i)];
      range = std::max(range, std::abs(static_cast<double>(w1[i])));
    }
    for (size_t i = 0; i < w2.size(); ++i) {
      double& range = r2[channel_of_second(i)];
      range = std::max(range, std::abs(static_cast<double>(w2[i])));
    }
  }
  /// Mean over channels of (r1_i / max r1) (r2_i / max r2): Nagel's precision, which equalizing makes large.
  double precision() const {
    std::vector<double> r1, r2;
    ranges(r1, r2);
    const double most1 = *std::ranges::max_element(r1), most2 = *std::ranges::max_element(r2);
    if (most1 == 0 || most2 == 0) return 0;
    double sum = 0;
    for (size_t i = 0; i < r1.size(); ++i) sum += r1[i] / most1 * (r2[i] / most2);
    return sum / static_cast<double>(r1.size());
  }
  /// The largest |log s|.
  double equalize() {
    std::vector<double> r1, r2;
    ranges(r1, r2);
    std::vector<double> scale(r1.size(), 1);
    double moved = 0;
    for (size_t i = 0; i < r1.size(); ++i) {
      if (r1[i] == 0 || r2[i] == 0) continue;
      scale[i] = std::sqrt(r1[i] / r2[i]);
      moved = std::max(moved, std::abs(std::log(scale[i])));
    }
    const auto w1 = first_.mutable_values<float>(), w2 = second_.mutable_values<float>();
    for (size_t i = 0; i < w1.size(); ++i) w1[i] = static_cast<float>(w1[i] / scale[channel_of_first(i)]);
    for (size_t i = 0; i < w2.size(); ++i) w2[i] = static_cast<float>(w2[i] * scale[channel_of_second(i)]);
    if (bias_ != nullptr) {
      const auto b = bias_->mutable_values<float>();
      for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(b[i] / scale[i]);
    }
    return moved;
  }

 private:
  size_t channel_of_first(size_t i) const {
    return i / (static_cast<size_t>(first_.size()) / static_cast<size_t>(channels_));
  }
  size_t channel_of_second(size_t i) const {
    const auto outputs = static_cast<size_t>(second_.shape()[0]), inputs = static_cast<size_t>(second_.shape()[1]);
    const size_t each = static_cast<size_t>(second_.size()) / outputs;
    const size_t groups = static_cast<size_t>(channels_) / inputs;
    return i / each * groups / outputs * inputs + i % each / (each / inputs);
  }

  Tensor& first_;
  Tensor* bias_;
  Tensor& second_;
  int64_t channels_;
};

}  // namespace

Equalized equalize(const Graph& float_graph) {
  if (graph::is_quantized(float_graph)) {
    fail(ErrorKind::config, "[quant.equalize] expected a float model, got one that is quantized already");
  }
  Equalized out{graph::fold_batch_norms(float_graph), {}, {}, 0};
  const graph::Links links(out.graph);
  std::vector<ScaledPair> pairs;
  for (const Node& node : out.graph.nodes) {
    if (!graph::traits(node.op).layer || node.name == graph::kNormalizeNode) continue;
    const auto follower = follower_of(out.graph, links, node);
    if (!follower) continue;
    const Node& second = out.graph.nodes[static_cast<size_t>(follower->node)];
    if (follower->silu) {
      out.left.push_back(node.name + " -> " + second.name);
      continue;
    }
    pairs.emplace_back(out.graph, node, second);
    out.pairs.push_back({node.name, second.name, pairs.back().precision(), 0});
  }
  double moved = pairs.empty() ? 0 : 1;
  while (moved > kSettled && out.rounds < kRounds) {
    moved = 0;
    for (ScaledPair& pair : pairs) moved = std::max(moved, pair.equalize());
    ++out.rounds;
  }
  for (size_t i = 0; i < pairs.size(); ++i) out.pairs[i].after = pairs[i].precision();
  return out;
}

}  // namespace quench::quant
