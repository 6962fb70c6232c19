#include "nn/execute.h"

#include <ATen/ATen.h>

#include "core/error.h"
#include "nn/fused.h"

namespace quench::nn {

namespace {

using graph::Op;
using torch::Tensor;

/// The value is ours alone and no gradient needs what is overwritten.
bool may_overwrite(const Tensor& fresh) { return !fresh.requires_grad(); }

Tensor silu(const Tensor& value, const ExecuteOptions& options) {
  if (options.engine_silu && !options.training && options.simulate_quantization && !value.requires_grad()) {
    return engine_silu(value);
  }
  return options.fused_kernels && fused_supported(value) ? fused_silu(value) : at::silu(value);
}

Tensor activate(Tensor value, graph::Activation activation, const ExecuteOptions& options) {
  switch (activation) {
    case graph::Activation::none: return value;
    case graph::Activation::silu:
      if (!may_overwrite(value) || options.engine_silu) return silu(value, options);
      if (!options.fused_kernels || !fused_supported(value)) return at::silu_(value);
      return fused_silu_(value);
    case graph::Activation::relu: return at::relu_(value);
  }
  fail(ErrorKind::internal, "[nn.execute] unknown activation {}", static_cast<int>(activation));
}

Tensor weight_of(NodeTensors& tensors, const ExecuteOptions& options) {
  return tensors.weight.value(options.simulate_quantization, options.training, options.rounding);
}

Tensor bias_of(NodeTensors& tensors, const ExecuteOptions& options) {
  return tensors.bias.value(options.simulate_quantization, options.training, options.rounding);
}

Tensor convolve(const graph::Node& node, NodeTensors& weights, const Tensor& x, const ExecuteOptions& options) {
  const auto& a = node.as<graph::ConvAttributes>();
  const auto numbers = [&](const Tensor& value) {
    return options.bf16 && value.defined() ? value.to(at::kBFloat16) : value;
  };
  return at::conv2d(numbers(x), numbers(weight_of(weights, options)), numbers(bias_of(weights, options)), a.stride,
                    a.padding, a.dilation, a.groups);
}

/// What no convolution does, where few values make up a result.
Tensor float32(const Tensor& x, const ExecuteOptions& options) { return options.bf16 ? x.to(at::kFloat) : x; }

}  // namespace

Tensor execute_batch_norm(const graph::Node& node, const NodeTensors& weights, const Tensor& x, bool training,
                          bool silu) {
  const auto& a = node.as<graph::BatchNormAttributes>();
  return fused_batch_norm(
      x, {weights.weight.tensor, weights.bias.tensor, weights.running_mean.tensor, weights.running_var.tensor},
      training, a.momentum, a.epsilon, silu);
}

std::vector<Tensor> execute(const graph::Node& node, NodeTensors& weights, const std::vector<Tensor>& inputs,
                            const ExecuteOptions& options) {
  const Tensor& x = inputs.at(0);
  switch (node.op) {
    case Op::conv: return {activate(convolve(node, weights, x, options), node.activation, options)};
    case Op::linear:
      return {activate(at::linear(float32(x, options), weight_of(weights, options), bias_of(weights, options)),
                       node.activation, options)};
    case Op::batch_norm: {
      if (options.fused_kernels && fused_norm_supported(x)) {
        return {execute_batch_norm(node, weights, x, options.training, false)};
      }
      const auto& a = node.as<graph::BatchNormAttributes>();
      return {at::batch_norm(float32(x, options), weights.weight.tensor, weights.bias.tensor,
                             weights.running_mean.tensor, weights.running_var.tensor, options.training, a.momentum,
                             a.epsilon, true)};
    }
    case Op::silu: return {silu(x, options)};
    case Op::relu: return {at::relu(x)};
    case Op::sigmoid: return {at::sigmoid(x)};
    case Op::add: return {activate(at::add(x, inputs.at(1)), node.activation, options)};
    case Op::mul: return {at::mul(x, inputs.at(1))};
    case Op::concat: return {at::cat(inputs, 1)};
    case Op::max_pool: {
      const auto& a = node.as<graph::PoolAttributes>();
      return {at::max_pool2d(x, a.kernel, a.stride, a.padding)};
    }
    case Op::upsample: {
      const int64_t factor = node.as<graph::UpsampleAttributes>().factor;
      return {at::upsample_nearest2d(x, {x.size(2) * factor, x.size(3) * factor})};
    }
    case Op::split: return at::split_with_sizes(x, node.as<graph::SplitAttributes>().sizes, 1);
    case Op::global_avg_pool: return {at::adaptive_avg_pool2d(float32(x, options), {1, 1})};
    case Op::flatten: return {at::flatten(x, 1)};
  }
  fail(ErrorKind::internal, "[nn.execute] unknown operation {}", static_cast<int>(node.op));
}

}  // namespace quench::nn
