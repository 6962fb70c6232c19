#include "quant/weight_params.h"

#include <vector>

#include "core/error.h"
#include "nn/weight_scales.h"
#include "quant/weight_scale_search.h"

namespace quench::quant {

graph::QuantParams weight_params(const graph::Graph& graph, const graph::Node& node, int bits, const WeightRule& rule,
                                 std::span<const double> mean_squares) {
  const graph::Weight& weight = graph.required_weight(node, "weight");
  const graph::Weight* bias = graph.weight(node, "bias");
  const auto& input = graph.edge(node.inputs.at(0)).quant;
  ensure(input.has_value(), "[quant.weight_params] expected a quantized input (node {})", node.name);
  graph::QuantParams params =
      nn::max_abs_params(weight.value, bias ? &bias->value : nullptr, input->scale[0], bits, rule.axis);
  if (rule.scales == "max_abs") return params;
  std::vector<float> least;
  if (bias) least = nn::least_scales(bias->value, input->scale[0], rule.axis);
  const int64_t groups = node.op == graph::Op::conv ? node.as<graph::ConvAttributes>().groups : 1;
  const bool by_output = rule.scales == "output_mse";
  return search_weight_scales(weight.value, params, by_output ? mean_squares : std::span<const double>(), least,
                              groups);
}

}  // namespace quench::quant
