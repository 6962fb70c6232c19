#include "quant/weight_params.h"

#include <vector>

#include "config/tables.h"
#include "core/error.h"
#include "nn/weight_scales.h"
#include "quant/codebook.h"
#include "quant/group_factors.h"
#include "quant/level_sets.h"
#include "quant/power_of_two.h"
#include "quant/weight_scale_search.h"

namespace quench::quant {

graph::QuantParams weight_params(const graph::Graph& graph, const graph::Node& node, int bits, const WeightRule& rule,
                                 std::span<const double> mean_squares) {
  const graph::Weight& weight = graph.required_weight(node, "weight");
  const auto& input = graph.edge(node.inputs.at(0)).quant;
  ensure(input.has_value(), "[quant.weight_params] expected a quantized input (node {})", node.name);
  // Beside a dynamic input it stays in float and need not fit int32.
  const graph::Weight* bias = input->dynamic ? nullptr : graph.weight(node, "bias");
  std::vector<float> least;
  if (bias) least = nn::least_scales(bias->value, input->scale[0], rule.axis);
  const int64_t groups = node.op == graph::Op::conv ? node.as<graph::ConvAttributes>().groups : 1;
  if (rule.scales != "output_mse") mean_squares = {};
  const auto covering = [&](int width, std::vector<int8_t> levels) {
    return nn::max_abs_params(weight.value, bias ? &bias->value : nullptr, input->scale[0], width, rule.axis,
                              std::move(levels));
  };
  const bool binary = rule.levels == "binary" && config::has_levels(rule.levels, bits);
  const bool search = rule.scales != "max_abs" || binary;  // of -1 and 1 the least squared error: mean |w|
  const auto in_powers = [&](graph::QuantParams params) {
    return search_powers_of_two(weight.value, std::move(params), unit_beside(input->scale[0]), mean_squares, least,
                                groups, search);
  };
  if (rule.levels == "kmeans" && config::has_levels(rule.levels, bits)) {
    graph::QuantParams params = covering(8, {});
    params.bits = bits;
    params = with_codebook(weight.value, std::move(params), mean_squares, least, groups, search);
    if (!rule.power_of_two) return params;
    return with_codebook(weight.value, in_powers(std::move(params)), mean_squares, least, groups, false);
  }
  graph::QuantParams params = covering(bits, fixed_levels(rule.levels, bits));
  if (rule.power_of_two) return in_powers(std::move(params));
  if (rule.group_size > 0 && takes_groups(bits, rule.axis, weight.value.shape(), rule.group_size)) {
    return with_group_factors(weight.value, std::move(params), rule.group_size, mean_squares, least, groups, search);
  }
  return search ? search_weight_scales(weight.value, std::move(params), mean_squares, least, groups) : params;
}

}  // namespace quench::quant
