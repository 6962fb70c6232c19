#include "bits/changed_run.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "core/error.h"
#include "nn/execute.h"
#include "nn/fake_quant.h"
#include "nn/plan.h"

namespace quench::bits {
namespace {

torch::Tensor rounded(const torch::Tensor& value, const std::optional<graph::QuantParams>& params) {
  return params ? nn::fake_quantize(value, *params) : value;
}

}  // namespace

ChangedRun::ChangedRun(const graph::Graph& graph, nn::WeightStore& weights, const torch::Tensor& pixels)
    : graph_(graph),
      links_(graph),
      engine_silu_(nn::silus_of_sums(graph)),
      weights_(weights),
      values_(graph.edges.size()) {
  ensure(graph.inputs.size() == 1, "[bits.changed_run] expected 1 graph input, got {}", graph.inputs.size());
  const torch::NoGradGuard no_gradient;
  // Steps of 1/255 whatever the Graph says: raw pixels are on that grid.
  values_[static_cast<size_t>(graph.inputs[0])] =
      pixels.to(torch::kFloat).div_(255.0).contiguous(torch::MemoryFormat::ChannelsLast);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const graph::Node& node = graph.nodes[i];
    std::vector<torch::Tensor> inputs;
    for (const graph::EdgeId edge : node.inputs) inputs.push_back(values_[static_cast<size_t>(edge)]);
    nn::ExecuteOptions options;
    options.engine_silu = engine_silu_[i];
    const std::vector<torch::Tensor> made = nn::execute(node, weights_.nodes[i], inputs, options);
    for (size_t k = 0; k < made.size(); ++k) {
      values_[static_cast<size_t>(node.outputs[k])] = rounded(made[k], graph.edge(node.outputs[k]).quant);
    }
  }
}

std::vector<torch::Tensor> ChangedRun::outputs(Change& change) const {
  const torch::NoGradGuard no_gradient;
  std::vector<torch::Tensor> values = values_;
  std::vector<bool> moved(graph_.edges.size());
  for (size_t i = 0; i < graph_.nodes.size(); ++i) {
    const graph::Node& node = graph_.nodes[i];
    const bool own = i == change.layer;
    const bool runs =
        own || std::ranges::any_of(node.outputs, [&](graph::EdgeId edge) { return change.edges.contains(edge); }) ||
        std::ranges::any_of(node.inputs, [&](graph::EdgeId edge) { return moved[static_cast<size_t>(edge)]; });
    if (!runs) continue;
    std::vector<torch::Tensor> inputs;
    for (const graph::EdgeId edge : node.inputs) inputs.push_back(values[static_cast<size_t>(edge)]);
    if (own) inputs[0] = rounded(inputs[0], change.reads);
    nn::ExecuteOptions options;
    options.engine_silu = has_engine_silu(i, change);
    const std::vector<torch::Tensor> made =
        nn::execute(node, own ? change.weights : weights_.nodes[i], inputs, options);
    for (size_t k = 0; k < made.size(); ++k) {
      const graph::EdgeId edge = node.outputs[k];
      const auto other = change.edges.find(edge);
      values[static_cast<size_t>(edge)] =
          rounded(made[k], other == change.edges.end() ? graph_.edge(edge).quant : other->second);
      moved[static_cast<size_t>(edge)] = true;
    }
  }
  return outputs_of(values);
}

bool ChangedRun::has_engine_silu(size_t node, const Change& change) const {
  const graph::EdgeId in = graph_.nodes[node].inputs.at(0), out = graph_.nodes[node].outputs.at(0);
  const auto other = change.edges.find(out);
  const bool rounds = other == change.edges.end() || other->second;
  return engine_silu_[node] && rounds && node != change.layer && links_.producer[in] != static_cast<int>(change.layer);
}

std::vector<torch::Tensor> ChangedRun::outputs_of(const std::vector<torch::Tensor>& values) const {
  std::vector<torch::Tensor> out;
  for (const graph::EdgeId edge : graph_.outputs) out.push_back(values[static_cast<size_t>(edge)]);
  return out;
}

}  // namespace quench::bits
