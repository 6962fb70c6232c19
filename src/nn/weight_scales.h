#pragma once

#include <torch/types.h>

#include "graph/graph.h"

namespace quench::nn {

/// The scales of weights that cover their present values: max|w| / q_max over the whole tensor (params.axis -1: [1]) or
/// for each output channel (axis 0: [O]); zeros alone give 2^-20. With groups it is max|w / factor| / the largest code,
/// the factors staying what they are. A scale is never so small that a bias would exceed 2^30 at input_scale * scale,
/// which leaves as much again of int32 for the products that are added.
///
/// The one function that derives scales from weights: quant::prepare begins with it, and GraphModule::follow_weights
/// keeps to it while weights move. What computes with weights takes the scales that stand in the Graph.
///
/// weight: float [O, ...]; bias: float [O], or undefined; input_scale: one float > 0, of the layer's input, not looked
/// at without a bias. Returns float32 on the weight's device.
torch::Tensor max_abs_scales(const torch::Tensor& weight, const torch::Tensor& bias, const torch::Tensor& input_scale,
                             const graph::QuantParams& params);

/// The same on the host, as whole parameters: int8, zero point 0, with these levels (graph/levels.h), or all integers.
/// bias may be null.
graph::QuantParams max_abs_params(const quench::Tensor& weight, const quench::Tensor* bias, float input_scale, int bits,
                                  int axis, std::vector<int8_t> levels = {});

/// The least scale of each output channel (axis 0) or of all (-1) at which the bias fits: |bias| / (input_scale 2^30).
std::vector<float> least_scales(const quench::Tensor& bias, float input_scale, int axis);
/// The same on a device: bias float [O], input_scale one float > 0. Returns float32 [O], or [1].
torch::Tensor least_scales(const torch::Tensor& bias, const torch::Tensor& input_scale, int axis);

}  // namespace quench::nn
