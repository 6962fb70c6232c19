#include <cmath>
#include <limits>
#include <numbers>

#include "graph/links.h"
#include "quant/bias_correction.h"

namespace quench::quant {
namespace {

using graph::EdgeId;
using graph::Op;
using Means = std::vector<double>;

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

/// E[f(x)] of a normal x, by the trapezoid rule over 8 deviations to both sides (exact far beyond float32).
template <typename F>
double expectation(double mean, double deviation, F f) {
  constexpr int kPoints = 400;
  constexpr double kReach = 8, kStep = 2 * kReach / kPoints;
  double sum = 0;
  for (int i = 0; i <= kPoints; ++i) {
    const double z = -kReach + kStep * i;
    sum += f(mean + deviation * z) * std::exp(-0.5 * z * z);
  }
  return sum * kStep / std::sqrt(2 * std::numbers::pi);
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

double relu_mean(double mean, double deviation) {
  if (deviation == 0) return std::max(mean, 0.0);
  const double z = mean / deviation;
  const double above = 0.5 * std::erfc(-z / std::numbers::sqrt2);
  return mean * above + deviation * std::exp(-0.5 * z * z) / std::sqrt(2 * std::numbers::pi);
}

class MeanWalk {
 public:
  explicit MeanWalk(const graph::Graph& graph) : graph_(graph) {
    for (size_t i = 0; i < graph.edges.size(); ++i) {
      const Shape& shape = graph.edges[i].shape;
      const size_t channels = shape.size() > 1 ? static_cast<size_t>(shape[1]) : 1;
      means_[static_cast<EdgeId>(i)].assign(channels, kUnknown);
    }
    for (const graph::Node& node : graph.nodes) visit(node);
  }
  std::map<EdgeId, Means> take() { return std::move(means_); }

 private:
  std::vector<double> values(const graph::Node& node, const char* role) const {
    const graph::Weight* weight = graph_.weight(node, role);
    if (!weight) return {};
    const auto values = weight->value.values<float>();
    return {values.begin(), values.end()};
  }

  /// Of a pointwise function of each channel of an edge, where its deviations are known.
  Means activated(EdgeId edge, Op op) const {
    Means out(means_.at(edge).size(), kUnknown);
    const auto normal = deviations_.find(edge);
    if (normal == deviations_.end()) return out;
    for (size_t c = 0; c < out.size(); ++c) {
      const double mean = means_.at(edge)[c], deviation = normal->second[c];
      if (op == Op::relu) out[c] = relu_mean(mean, deviation);
      if (op == Op::silu) out[c] = expectation(mean, deviation, [](double x) { return x * sigmoid(x); });
      if (op == Op::sigmoid) out[c] = expectation(mean, deviation, sigmoid);
    }
    return out;
  }

  Means of_layer(const graph::Node& node) const {
    const std::vector<double> weight = values(node, "weight"), bias = values(node, "bias");
    const Means& in = means_.at(node.inputs.at(0));
    const Shape& shape = graph_.required_weight(node, "weight").value.shape();
    const auto outputs = static_cast<size_t>(shape[0]), inputs = static_cast<size_t>(shape[1]);
    const size_t each = weight.size() / outputs, places = each / inputs, groups = in.size() / inputs;
    Means out(outputs);
    for (size_t o = 0; o < outputs; ++o) {
      out[o] = bias.empty() ? 0 : bias[o];
      for (size_t i = 0; i < each; ++i) out[o] += weight[o * each + i] * in[o * groups / outputs * inputs + i / places];
    }
    return out;
  }

  void visit(const graph::Node& node) {
    const EdgeId first = node.inputs.at(0);
    const Means& in = means_.at(first);
    Means out;
    switch (node.op) {
      case Op::batch_norm: {
        out = values(node, "bias");
        Means deviation = values(node, "weight");
        for (double& d : deviation) d = std::abs(d);
        deviations_[node.outputs[0]] = std::move(deviation);
        break;
      }
      case Op::silu:
      case Op::relu:
      case Op::sigmoid: out = activated(first, node.op); break;
      case Op::conv:
      case Op::linear: out = of_layer(node); break;
      case Op::add:
        out = in;
        for (size_t c = 0; c < out.size(); ++c) out[c] += means_.at(node.inputs.at(1))[c];
        break;
      case Op::concat:
        for (const EdgeId edge : node.inputs) out.insert(out.end(), means_.at(edge).begin(), means_.at(edge).end());
        break;
      case Op::split: {
        auto from = in.begin();
        for (const EdgeId edge : node.outputs) {
          Means& part = means_.at(edge);
          std::copy(from, from + static_cast<std::ptrdiff_t>(part.size()), part.begin());
          from += static_cast<std::ptrdiff_t>(part.size());
        }
        return;
      }
      case Op::upsample:
      case Op::global_avg_pool:
      case Op::flatten: out = in; break;
      case Op::mul:
      case Op::max_pool: return;
    }
    if (node.activation != graph::Activation::none) out.assign(out.size(), kUnknown);
    if (out.size() == means_.at(node.outputs[0]).size()) means_.at(node.outputs[0]) = std::move(out);
  }

  const graph::Graph& graph_;
  std::map<EdgeId, Means> means_;
  std::map<EdgeId, Means> deviations_;  ///< of normal variables: what batch norms give
};

}  // namespace

std::map<EdgeId, Means> channel_means(const graph::Graph& float_model) { return MeanWalk(float_model).take(); }

}  // namespace quench::quant
