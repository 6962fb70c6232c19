#include "models/network.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/rng.h"

namespace quench::models {

using graph::EdgeId;
using graph::Op;

Value Network::images(int64_t size) {
  const EdgeId edge = graph_.add_edge({.name = "images", .shape = {1, 3, size, size}, .quant = {}});
  graph_.inputs.push_back(edge);
  return {edge, 3, 1};
}

Value Network::conv_block(const std::string& name, const Value& x, const ConvShape& shape) {
  const Value y = append_conv(name + ".conv", x, shape);
  const std::string norm = name + ".bn";
  constant_weight(norm + ".weight", y.channels, 1);
  constant_weight(norm + ".bias", y.channels, 0);
  constant_weight(norm + ".running_mean", y.channels, 0);
  constant_weight(norm + ".running_var", y.channels, 1);
  const Value normed = append(Op::batch_norm, norm, {y}, graph::BatchNormAttributes{}, y.channels, y.stride);
  return append(Op::silu, name + ".act", {normed}, {}, y.channels, y.stride);
}

Value Network::conv(const std::string& name, const Value& x, const ConvShape& shape) {
  const Value y = append_conv(name, x, shape);
  uniform_weight(name + ".bias", {shape.channels}, x.channels * shape.kernel * shape.kernel);
  return y;
}

Value Network::max_pool(const std::string& name, const Value& x, int64_t kernel) {
  const int64_t padding = kernel / 2;
  return append(Op::max_pool, name, {x}, graph::PoolAttributes{{kernel, kernel}, {1, 1}, {padding, padding}},
                x.channels, x.stride);
}

Value Network::upsample(const std::string& name, const Value& x, int64_t factor) {
  if (factor < 1 || x.stride % factor != 0) {
    fail(ErrorKind::config, "[models] expected an upsampling factor that divides the stride {}, got {} ({})", x.stride,
         factor, name);
  }
  return append(Op::upsample, name, {x}, graph::UpsampleAttributes{factor}, x.channels, x.stride / factor);
}

Value Network::add(const std::string& name, const Value& a, const Value& b) {
  return append(Op::add, name, {a, b}, {}, a.channels, a.stride);
}

Value Network::concat(const std::string& name, const std::vector<Value>& parts) {
  int64_t channels = 0;
  for (const Value& part : parts) {
    if (part.stride != parts.front().stride) {
      fail(ErrorKind::config, "[models] expected values of one stride, got {} and {} ({})", parts.front().stride,
           part.stride, name);
    }
    channels += part.channels;
  }
  return append(Op::concat, name, parts, {}, channels, parts.front().stride);
}

std::vector<Value> Network::split(const std::string& name, const Value& x, const std::vector<int64_t>& sizes) {
  graph::Node node{name, Op::split, graph::SplitAttributes{sizes}, {x.edge}, {}};
  std::vector<Value> parts;
  for (size_t i = 0; i < sizes.size(); ++i) {
    parts.push_back(
        {graph_.add_edge({.name = fmt::format("{}.{}", name, i), .shape = {}, .quant = {}}), sizes[i], x.stride});
    node.outputs.push_back(parts.back().edge);
  }
  graph_.nodes.push_back(std::move(node));
  return parts;
}

Value Network::global_avg_pool(const std::string& name, const Value& x) {
  return append(Op::global_avg_pool, name, {x}, {}, x.channels, x.stride);
}

Value Network::flatten(const std::string& name, const Value& x) {
  return append(Op::flatten, name, {x}, {}, x.channels, x.stride);
}

Value Network::linear(const std::string& name, const Value& x, int64_t out) {
  uniform_weight(name + ".weight", {out, x.channels}, x.channels);
  uniform_weight(name + ".bias", {out}, x.channels);
  return append(Op::linear, name, {x}, {}, out, x.stride);
}

std::span<float> Network::bias(const std::string& node) {
  return graph_.weights.at(node + ".bias").value.mutable_values<float>();
}

Value Network::append(Op op, const std::string& name, const std::vector<Value>& inputs, graph::Attributes attributes,
                      int64_t channels, int64_t stride) {
  graph::Node node{name, op, std::move(attributes), {}, {}};
  for (const Value& input : inputs) node.inputs.push_back(input.edge);
  node.outputs.push_back(graph_.add_edge({.name = name, .shape = {}, .quant = {}}));
  graph_.nodes.push_back(std::move(node));
  return {graph_.nodes.back().outputs.front(), channels, stride};
}

Value Network::append_conv(const std::string& name, const Value& x, const ConvShape& shape) {
  const auto [channels, kernel, stride, padding] = shape;
  if (channels < 1 || kernel < 1 || stride < 1) {
    fail(ErrorKind::config, "[models] expected channels, kernel and stride of at least 1, got {}, {}, {} ({})",
         channels, kernel, stride, name);
  }
  const int64_t pad = padding < 0 ? kernel / 2 : padding;
  uniform_weight(name + ".weight", {channels, x.channels, kernel, kernel}, x.channels * kernel * kernel);
  const graph::ConvAttributes attributes{{kernel, kernel}, {stride, stride}, {pad, pad}};
  return append(Op::conv, name, {x}, attributes, channels, x.stride * stride);
}

// LibTorch's default for conv and linear: U(-b, b), b = 1 / sqrt(fan_in) (He et al. 2015 with a = sqrt 5).
void Network::uniform_weight(const std::string& name, Shape shape, int64_t fan_in) {
  Tensor value(DType::f32, std::move(shape));
  const double bound = 1 / std::sqrt(static_cast<double>(fan_in));
  Rng rng(seed_, name);
  for (float& x : value.mutable_values<float>()) x = static_cast<float>(rng.uniform(-bound, bound));
  graph_.weights[name] = {std::move(value), {}};
}

void Network::constant_weight(const std::string& name, int64_t size, float value) {
  Tensor tensor(DType::f32, {size});
  std::ranges::fill(tensor.mutable_values<float>(), value);
  graph_.weights[name] = {std::move(tensor), {}};
}

}  // namespace quench::models
