#include "nn/qat_setup.h"

#include <ATen/ATen.h>

#include <cmath>

#include "core/error.h"
#include "graph/quantized.h"
#include "graph/weight_groups.h"
#include "nn/group_factor_tensor.h"
#include "nn/learned_range.h"

namespace quench::nn {

namespace {

bool wants_weights(const QatOptions& options) {
  return options.weight_ranges || options.weights != WeightQuantizer::uniform || options.ewgs_delta != 0 ||
         options.stochastic_rounding || options.correction;
}

/// LSQ's own first scale, 2 mean|w| / sqrt(q_max) (Esser et al. 2020, section 2.1).
torch::Tensor first_scale(const WeightTensor& weight) {
  torch::NoGradGuard no_grad;
  const graph::QuantParams& params = *weight.simulate;
  torch::Tensor size = weight.unrounded().abs();
  if (params.group_size > 0) size = size / group_factor_tensor(params, size);
  const torch::Tensor mean = params.axis < 0 ? size.mean().reshape({1}) : size.flatten(1).mean(1);
  return mean.mul(2 / std::sqrt(static_cast<double>(graph::largest_code(params))));
}

/// chosen: something better than max|w| made the scales. max|w| of 2 or 3 bits rounds nearly all weights to 0, and from
/// there nothing is learned.
void learn_scale(WeightTensor& weight, WeightRanges ranges, bool chosen) {
  weight.ranges = ranges;
  if (ranges != WeightRanges::learned) return;
  torch::Tensor scale = weight.scale.clone();
  if (!chosen && weight.simulate->levels.empty()) {
    const torch::Tensor first = first_scale(weight);
    scale = torch::where(first.gt(0), torch::minimum(scale, first), scale);
  }
  weight.scale = scale.set_requires_grad(true);
}

/// The leaf becomes the one whose transform is the weight.
void bend(WeightTensor& weight) {
  torch::NoGradGuard no_grad;
  weight.largest = largest_sizes(weight.tensor, weight.simulate->axis);
  weight.tensor.copy_(dorefa_latent(weight.tensor, weight.largest, weight.simulate->axis));
}

void correct(const graph::Node& node, NodeTensors& tensors) {
  WeightTensor& weight = tensors.weight;
  const int64_t channels = weight.tensor.size(0);
  if (weight.scale.numel() != channels) {
    fail(
        ErrorKind::config,
        "[nn.qat] expected a scale for each output channel, into which a correction folds, got one for the whole of {} "
        "(`weights: per_channel` of quantize gives them)",
        node.name);
  }
  weight.ranges = WeightRanges::frozen;
  weight.correction = at::ones({channels}, weight.scale.options()).set_requires_grad(true);
  if (tensors.bias.defined()) tensors.bias.tensor.set_requires_grad(true);
}

/// What is defined for steps of one size alone.
void require_plain_rounding(const graph::Node& node, const QatOptions& options) {
  const char* const what = options.weights == WeightQuantizer::dorefa ? "weight_quantizer: dorefa"
                           : options.ewgs_delta != 0                  ? "estimator: ewgs"
                           : options.stochastic_rounding              ? "stochastic_rounding"
                                                                      : nullptr;
  if (what == nullptr) return;
  fail(ErrorKind::config, "[nn.qat] expected uniform levels of weights for '{}', got others (node {})", what,
       node.name);
}

}  // namespace

void require_learnable(const graph::Graph& graph, const RangeGroups& ranges, ActivationQuantizer kind) {
  if (kind == ActivationQuantizer::lsq) return;
  const char* const name = kind == ActivationQuantizer::pact ? "pact" : "lsq_plus";
  bool any = false;
  for (size_t group = 0; group < ranges.members.size(); ++group) {
    if (!ranges.learnable[group]) continue;
    any = true;
    const graph::Edge& edge = graph.edge(ranges.members[group][0]);
    const bool symmetric = graph.metadata.contains("activations") && graph.metadata.at("activations") == "symmetric";
    std::string why = why_not(kind, *edge.quant);
    if (why.empty() && symmetric) why = "activations are symmetric";
    if (why.empty()) continue;
    fail(ErrorKind::config, "[nn.qat] activation_quantizer: {} cannot train the range of {}: {}. lsq can", name,
         edge.name, why);
  }
  if (!any) {
    fail(ErrorKind::config, "[nn.qat] activation_quantizer: {} expected ranges of activations that train, got none",
         name);
  }
}

void learn_weights(const graph::Graph& graph, const QatOptions& options, WeightStore& store) {
  if (!wants_weights(options)) return;
  if (options.correction) {
    for (auto& [name, tensor] : store.parameters) tensor.set_requires_grad(false);
  }
  bool any = false;
  const bool chosen = options.weight_ranges && graph::has_fixed_weight_scales(graph);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    WeightTensor& weight = store.nodes[i].weight;
    if (!weight.simulate || !graph::is_symmetric(*weight.simulate)) continue;
    any = true;
    if (!weight.simulate->levels.empty()) require_plain_rounding(graph.nodes[i], options);
    if (weight.simulate->group_size > 0 && options.weights == WeightQuantizer::dorefa) {
      fail(ErrorKind::config,
           "[nn.qat] expected one scale a channel for 'weight_quantizer: dorefa', got groups, whose factors are those "
           "of "
           "the weights that it bends (node {})",
           graph.nodes[i].name);
    }
    if (options.correction) {
      correct(graph.nodes[i], store.nodes[i]);
      continue;
    }
    if (options.weights == WeightQuantizer::dorefa) bend(weight);
    if (options.weight_ranges) learn_scale(weight, *options.weight_ranges, chosen);
  }
  if (!any) {
    fail(ErrorKind::config,
         "[nn.qat] expected a model with fake-quantized weights for settings of their quantizers, got none: quantize "
         "comes first");
  }
}

void keep_fixed_scales(const graph::Graph& graph, const QatOptions& options, WeightStore& store) {
  if (options.weight_ranges || !graph::has_fixed_weight_scales(graph)) return;
  for (NodeTensors& node : store.nodes) node.weight.ranges = WeightRanges::frozen;
}

void note_weight_ranges(const QatOptions& options, graph::Graph& graph) {
  if (options.correction || options.weight_ranges == WeightRanges::frozen) {
    graph.metadata["weight_scales"] = "fixed";
  } else if (options.weight_ranges == WeightRanges::learned) {
    graph.metadata["weight_scales"] = "learned";
  } else if (options.weight_ranges == WeightRanges::follow) {
    graph.metadata.erase("weight_scales");
    graph.metadata.erase("weight_scales_by");
  }
}

}  // namespace quench::nn
