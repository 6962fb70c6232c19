#include "nn/weight_scales.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "graph/weight_groups.h"
#include "nn/graph_module.h"
#include "nn/group_factor_tensor.h"

namespace quench::nn {

namespace {

constexpr double kDeadScale = 0x1p-20;   // of zeros alone
constexpr double kLeastScale = 0x1p-60;  // of values next to zero: still a float that divides
constexpr double kLargestBias = 0x1p30;

torch::Tensor least_in_double(const torch::Tensor& bias, const torch::Tensor& input_scale, int axis) {
  const torch::Tensor size = bias.abs();
  const torch::Tensor most = (axis < 0 ? size.max().reshape({1}) : size).to(torch::kDouble);
  return most.div(input_scale.to(torch::kDouble).reshape({1})).div_(kLargestBias);
}

}  // namespace

torch::Tensor max_abs_scales(const torch::Tensor& weight, const torch::Tensor& bias, const torch::Tensor& input_scale,
                             const graph::QuantParams& params) {
  torch::NoGradGuard no_grad;
  const bool whole = params.axis < 0;
  const auto largest = [&](const torch::Tensor& x) {
    const torch::Tensor size = x.abs();
    return (whole ? size.max().reshape({1}) : size.flatten(1).amax(1)).to(torch::kDouble);
  };
  const torch::Tensor most = largest(params.group_size > 0 ? weight.div(group_factor_tensor(params, weight)) : weight);
  torch::Tensor scale = most.div(static_cast<double>(graph::largest_code(params)));
  scale = torch::where(most.gt(0), scale, torch::full_like(scale, kDeadScale));
  if (bias.defined()) {
    scale = torch::maximum(scale, least_in_double(bias, input_scale, params.axis));
  }
  return scale.to(torch::kFloat).clamp_min_(kLeastScale);
}

graph::QuantParams max_abs_params(const Tensor& weight, const Tensor* bias, float input_scale, int bits, int axis,
                                  std::vector<int8_t> levels) {
  graph::QuantParams params{DType::i8, bits, {}, {}, axis, std::move(levels)};
  const torch::Tensor scale =
      max_abs_scales(to_torch(weight), bias ? to_torch(*bias) : torch::Tensor(), torch::full({1}, input_scale), params)
          .contiguous();
  params.scale.assign(scale.data_ptr<float>(), scale.data_ptr<float>() + scale.numel());
  params.zero_point.assign(params.scale.size(), 0);
  return params;
}

std::vector<float> least_scales(const Tensor& bias, float input_scale, int axis) {
  std::vector<float> out;
  for (const float b : bias.values<float>()) {
    out.push_back(static_cast<float>(std::abs(static_cast<double>(b)) / input_scale / kLargestBias));
  }
  if (axis < 0) out = {*std::ranges::max_element(out)};
  return out;
}

torch::Tensor least_scales(const torch::Tensor& bias, const torch::Tensor& input_scale, int axis) {
  torch::NoGradGuard no_grad;
  return least_in_double(bias, input_scale, axis).to(torch::kFloat);
}

}  // namespace quench::nn
