#include "quant/bias_correction.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "graph/op_traits.h"
#include "graph/passes.h"
#include "graph/quantized.h"
#include "nn/fake_quant.h"
#include "nn/graph_module.h"
#include "quant/activation_after.h"
#include "quant/channel_sums.h"
#include "quant/float_twin.h"
#include "quant/layer_walk.h"

namespace quench::quant {
namespace {

/// Takes `shift` [O] from the bias of a node, and keeps account.
void take_from_bias(BiasCorrection& out, const graph::Node& node, const torch::Tensor& shift) {
  if (!torch::isfinite(shift).all().item<bool>()) {
    fail(ErrorKind::data, "[quant.bias_correction] expected finite means, got others (layer {})", node.name);
  }
  const std::string name = node.name + ".bias";
  const auto found = out.graph.weights.find(name);
  const torch::Tensor before = found == out.graph.weights.end() ? torch::zeros({shift.numel()}, torch::kDouble)
                                                                : nn::to_torch(found->second.value).to(torch::kDouble);
  out.graph.weights[name] = {nn::to_host((before - shift).to(torch::kFloat)), std::nullopt};
  ++out.layers;
  graph::EdgeId rounded = node.outputs.at(0);
  if (!out.graph.edge(rounded).quant) rounded = activation_after(out.graph, graph::Links(out.graph), node).edge;
  const auto& quant = out.graph.edge(rounded).quant;
  if (!quant || quant->dynamic) return;
  const double steps = shift.abs().max().item<double>() / static_cast<double>(quant->scale[0]);
  if (steps <= out.largest) return;
  out.largest = steps;
  out.largest_in = node.name;
}

}  // namespace

BiasCorrection correct_bias_by_images(const graph::Graph& quantized, const graph::Graph& twin,
                                      const std::vector<Tensor>& images, const LogSink& log,
                                      const CancelToken& cancel) {
  const torch::NoGradGuard no_gradient;
  std::map<graph::EdgeId, ChannelSums> expected;
  int64_t layers = 0;
  for (const graph::Node& node : quantized.nodes) {
    if (!graph::rounds_weights(quantized, node)) continue;
    expected[node.outputs.at(0)];
    ++layers;
  }
  nn::GraphModule module(twin);
  module.set_edge_hook([&](graph::EdgeId edge, const torch::Tensor& value) {
    if (const auto found = expected.find(edge); found != expected.end()) found->second.add(value);
  });
  for (const Tensor& batch : images) {
    cancel.check();
    module.forward(nn::to_torch(batch).permute({0, 3, 1, 2}));
  }

  BiasCorrection out{quantized, 0, 0, ""};
  LayerWalk walk(out.graph, images);
  walk.run(
      [&](const graph::Node& node) {
        const auto found = expected.find(node.outputs.at(0));
        if (found == expected.end()) return;
        ChannelSums own;
        for (size_t batch = 0; batch < walk.batches(); ++batch) {
          cancel.check();
          own.add(walk.output(node, batch));
        }
        take_from_bias(out, node, own.mean() - found->second.mean());
        log.show_progress(fmt::format("corrected {}/{} biases", out.layers, layers));
      },
      cancel);
  return out;
}

BiasCorrection correct_bias_by_statistics(const graph::Graph& quantized, const graph::Graph& float_model) {
  const graph::Graph twin = float_twin(quantized, float_model);
  if (std::ranges::none_of(float_model.nodes, [](const auto& node) { return node.op == graph::Op::batch_norm; })) {
    fail(ErrorKind::config,
         "[quant.bias_correction] expected a float model with batch norms for the analytic correction, got one "
         "without: their statistics are what it reads (use `empirical`, which reads images)");
  }
  const auto means = channel_means(float_model);
  std::map<std::string, std::vector<double>> read;  // by layer
  for (const graph::Node& node : float_model.nodes) {
    if (graph::traits(node.op).layer) read[node.name] = means.at(node.inputs.at(0));
  }
  const torch::NoGradGuard no_gradient;
  BiasCorrection out{quantized, 0, 0, ""};
  for (const graph::Node& node : quantized.nodes) {
    if (!graph::rounds_weights(quantized, node)) continue;
    const std::vector<double>& known = read.at(node.name);
    if (std::ranges::all_of(known, [](double mean) { return std::isnan(mean); })) continue;
    const graph::Weight& weight = quantized.required_weight(node, "weight");
    const torch::Tensor now = nn::to_torch(weight.value);
    const torch::Tensor rounded =
        weight.value.dtype() == DType::f32 ? nn::fake_quantize(now, *weight.quant) : nn::dequantize(now, *weight.quant);
    const torch::Tensor original = nn::to_torch(twin.weights.at(node.name + ".weight").value);
    torch::Tensor summed = rounded.to(torch::kDouble) - original.to(torch::kDouble);
    if (summed.dim() == 4) summed = summed.sum({2, 3});  // [O, inputs of a group]
    const torch::Tensor mean = torch::tensor(known, torch::kDouble).nan_to_num(0);
    const int64_t groups = mean.numel() / summed.size(1);
    const torch::Tensor shift =
        summed.view({groups, -1, summed.size(1)}).matmul(mean.view({groups, -1, 1})).reshape({-1});
    take_from_bias(out, node, shift);
  }
  return out;
}

}  // namespace quench::quant
