#include "quant/layer_errors.h"

#include <ATen/ATen.h>
#include <torch/types.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "graph/links.h"
#include "graph/op_traits.h"
#include "graph/quantized.h"
#include "nn/fake_quant.h"
#include "nn/fused.h"
#include "nn/graph_module.h"
#include "nn/plan.h"
#include "quant/activate.h"
#include "quant/activation_after.h"
#include "quant/channel_sums.h"
#include "quant/layer_walk.h"

namespace quench::quant {
namespace {

double sum_of_squares(const torch::Tensor& x) { return x.square().sum(torch::kDouble).item<double>(); }

double decibels(double signal, double noise) {
  return noise == 0 ? std::numeric_limits<double>::infinity() : 10 * std::log10(signal / noise);
}

torch::Tensor rounded(const torch::Tensor& value, const graph::Edge& edge) {
  return edge.quant ? nn::fake_quantize(value, *edge.quant) : value;
}

/// Of one layer, over images.
struct ErrorSums {
  double signal = 0, noise = 0, own = 0, weights = 0, activations = 0;
  ChannelSums shift;  ///< of y' - y

  LayerError result() const {
    LayerError out;
    out.sqnr_db = decibels(signal, noise);
    out.own_db = decibels(signal, own);
    out.weights_db = decibels(signal, weights);
    out.activations_db = decibels(signal, activations);
    out.bias_share = noise > 0 ? std::min(1.0, sum_of_squares(shift.sum) / shift.count / noise) : 0;
    return out;
  }
};

}  // namespace

std::vector<LayerError> layer_errors(const graph::Graph& quantized, const graph::Graph& twin,
                                     const std::vector<Tensor>& images, const CancelToken& cancel) {
  const torch::NoGradGuard no_gradient;
  const graph::Links links(quantized);
  const std::vector<bool> engine_silu = nn::silus_of_sums(quantized);
  std::vector<const graph::Node*> layers;
  std::vector<Activated> ends;
  std::vector<bool> wanted(quantized.edges.size());
  for (const graph::Node& node : quantized.nodes) {
    if (!graph::traits(node.op).layer) continue;
    layers.push_back(&node);
    ends.push_back(activation_after(quantized, links, node));
    for (const graph::EdgeId edge : {node.inputs.at(0), ends.back().edge}) wanted[static_cast<size_t>(edge)] = true;
  }
  const auto capture = [&](nn::GraphModule& module, std::vector<torch::Tensor>& values) {
    values.resize(quantized.edges.size());
    module.set_edge_hook([&](graph::EdgeId edge, const torch::Tensor& value) {
      if (wanted[static_cast<size_t>(edge)]) values[static_cast<size_t>(edge)] = value;
    });
  };
  nn::GraphModule float_module(twin), module(quantized);
  std::vector<torch::Tensor> expected, found;
  capture(float_module, expected);
  capture(module, found);

  std::vector<ErrorSums> sums(layers.size());
  for (const Tensor& batch : images) {
    cancel.check();
    const torch::Tensor pixels = nn::to_torch(batch).permute({0, 3, 1, 2});
    float_module.forward(pixels);
    module.forward(pixels);
    for (size_t i = 0; i < layers.size(); ++i) {
      cancel.check();
      const graph::Node& node = *layers[i];
      const graph::Edge& in = quantized.edge(node.inputs[0]);
      const graph::Edge& out = quantized.edge(node.outputs[0]);
      const torch::Tensor& x = expected[static_cast<size_t>(node.inputs[0])];
      const Activated& end = ends[i];
      const torch::Tensor& y = expected[static_cast<size_t>(end.edge)];
      ErrorSums& sum = sums[i];
      const torch::Tensor error = found[static_cast<size_t>(end.edge)] - y;
      const double signal = sum_of_squares(y), noise = sum_of_squares(error);
      if (!std::isfinite(signal) || !std::isfinite(noise)) {
        fail(ErrorKind::data, "[quant.layer_errors] expected finite values, got others (layer {})", node.name);
      }
      sum.signal += signal;
      sum.noise += noise;
      sum.shift.add(error);
      const torch::Tensor rounded_x = rounded(x, in);
      // With the activation, and what is quantized before and after it.
      const auto away = [&](const graph::Graph& weights, const torch::Tensor& read, bool rounds) {
        torch::Tensor value = run_node(weights, node, {read}, true).at(0);
        if (rounds && end.edge != node.outputs[0]) value = rounded(value, out);
        const bool as_engine = rounds && engine_silu[static_cast<size_t>(links.producer[end.edge])];
        value = as_engine ? nn::engine_silu(value) : activate(value, end.activation);
        return sum_of_squares((rounds ? rounded(value, quantized.edge(end.edge)) : value) - y);
      };
      sum.own += away(quantized, rounded_x, true);
      sum.weights += away(quantized, x, false);
      sum.activations += away(twin, rounded_x, true);
    }
  }
  std::vector<LayerError> errors;
  for (size_t i = 0; i < layers.size(); ++i) {
    LayerError error = sums[i].result();
    error.layer = layers[i]->name;
    error.output = ends[i].edge;
    error.quantized = graph::rounds_weights(quantized, *layers[i]);
    errors.push_back(error);
  }
  return errors;
}

}  // namespace quench::quant
