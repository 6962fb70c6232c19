// Layers with weights, and pooling.
#include <algorithm>
#include <array>

#include "onnx/lowering.h"

namespace quench::onnx {
namespace {

using graph::Op;

/// Two numbers of an attribute of a 2-D operator.
std::array<int64_t, 2> pair_of(const Attributes& attributes, const char* name, std::array<int64_t, 2> otherwise) {
  const auto values = attributes.integers(name);
  if (!values) return otherwise;
  if (values->size() != 2) throw NotHeld{fmt::format("{} of {} axes", name, values->size())};
  return {(*values)[0], (*values)[1]};
}

/// Padding that is the same at both ends, of `pads` or of `auto_pad`.
std::array<int64_t, 2> padding_of(const Attributes& attributes, const Shape& input, std::array<int64_t, 2> kernel,
                                  std::array<int64_t, 2> stride, std::array<int64_t, 2> dilation) {
  const std::string rule = attributes.text("auto_pad", "NOTSET");
  if (rule == "VALID") return {0, 0};
  if (rule == "NOTSET" || rule.empty()) {
    const std::vector<int64_t> pads = attributes.integers("pads").value_or(std::vector<int64_t>(4, 0));
    if (pads.size() != 4 || pads[0] != pads[2] || pads[1] != pads[3]) {
      throw NotHeld{fmt::format("pads [{}] that differ at both ends", fmt::join(pads, ","))};
    }
    return {pads[0], pads[1]};
  }
  if (input.size() != 4) throw NotHeld{"an input of another rank"};
  std::array<int64_t, 2> padding{};
  for (int i = 0; i < 2; ++i) {
    if (stride[i] < 1 || stride[i] > input[2 + i] + 1) throw NotHeld{"a stride out of range"};
    const int64_t outputs = (input[2 + i] + stride[i] - 1) / stride[i];
    const int64_t total =
        std::max<int64_t>(0, (outputs - 1) * stride[i] + dilation[i] * (kernel[i] - 1) + 1 - input[2 + i]);
    if (total % 2 != 0) throw NotHeld{"pads that differ at both ends"};
    padding[i] = total / 2;
  }
  return padding;
}

/// Throws unless all that an attribute says is `plain`.
void require_plain(const Attributes& attributes, const char* name, int64_t plain) {
  for (const int64_t value : attributes.integers(name).value_or(std::vector<int64_t>())) {
    if (value != plain) throw NotHeld{fmt::format("{} {}", name, value)};
  }
}

}  // namespace

void Lowering::conv(const NodeProto& node) {
  const graph::EdgeId x = edge(node, 0);
  const Tensor& weight = floats(node, 1);
  if (weight.shape().size() != 4) throw NotHeld{"weights " + to_string(weight.shape())};
  const Attributes attributes(node);
  graph::ConvAttributes a;
  a.kernel = pair_of(attributes, "kernel_shape", {weight.shape()[2], weight.shape()[3]});
  a.stride = pair_of(attributes, "strides", {1, 1});
  a.dilation = pair_of(attributes, "dilations", {1, 1});
  a.padding = padding_of(attributes, shape(x), a.kernel, a.stride, a.dilation);
  a.groups = attributes.integer("group", 1);
  std::map<std::string, Tensor> weights{{"weight", weight}};
  if (known(node, 2)) weights["bias"] = floats(node, 2);
  add_single(node, Op::conv, {x}, a, std::move(weights));
}

void Lowering::batch_norm(const NodeProto& node) {
  const Attributes attributes(node);
  if (attributes.integer("training_mode", 0) != 0 || attributes.integer("spatial", 1) != 1) {
    throw NotHeld{"statistics of the batch at hand"};
  }
  for (int i = 1; i < node.output_size(); ++i) {
    if (uses_.contains(node.output(i)) && !node.output(i).empty()) throw NotHeld{"statistics as outputs"};
  }
  const graph::BatchNormAttributes a{attributes.real("epsilon", 1e-5f), 1.0f - attributes.real("momentum", 0.9f)};
  add_single(node, Op::batch_norm, {edge(node, 0)}, a,
             {{"weight", floats(node, 1)},
              {"bias", floats(node, 2)},
              {"running_mean", floats(node, 3)},
              {"running_var", floats(node, 4)}});
}

/// weight [O,I], or [I,O] where transposed. Flattened maps are read by a convolution as large as they.
void Lowering::linear(const NodeProto& node, const Tensor& weight, bool transposed, float alpha, const Tensor* bias,
                      float beta) {
  const Known* from = known(node, 0);
  if (weight.shape().size() != 2) throw NotHeld{"weights " + to_string(weight.shape())};
  const int64_t inputs = weight.shape()[transposed ? 0 : 1], outputs = weight.shape()[transposed ? 1 : 0];
  Tensor turned(DType::f32, {outputs, inputs});
  const auto given = weight.values<float>();
  const auto to = turned.mutable_values<float>();
  for (int64_t o = 0; o < outputs; ++o) {
    for (int64_t i = 0; i < inputs; ++i) {
      to[o * inputs + i] = alpha * given[transposed ? i * outputs + o : o * inputs + i];
    }
  }
  std::map<std::string, Tensor> weights;
  if (bias != nullptr) {
    if (bias->size() != outputs && bias->size() != 1) throw NotHeld{"a bias " + to_string(bias->shape())};
    Tensor shifts(DType::f32, {outputs});
    for (int64_t o = 0; o < outputs; ++o) {
      shifts.mutable_values<float>()[o] = beta * bias->values<float>()[bias->size() == 1 ? 0 : o];
    }
    weights["bias"] = shifts;
  }
  if (from && from->kind == Known::Kind::flat) {
    const Shape& maps = shape(from->edge);
    if (maps[1] * maps[2] * maps[3] != inputs) throw NotHeld{"weights " + to_string(weight.shape())};
    weights["weight"] = turned.reshaped({outputs, maps[1], maps[2], maps[3]});
    graph::ConvAttributes a;
    a.kernel = {maps[2], maps[3]};
    graph::Node layer{free_name(node), Op::conv, a, {from->edge}, {}, graph::Activation::none};
    const auto pixels = add(std::move(layer), std::move(weights), {node.output(0) + "_pixel"});
    graph::Node flat{free_name(node, "_flatten"), Op::flatten, {}, pixels, {}, graph::Activation::none};
    return alias(node, add(std::move(flat), {}, {node.output(0)}).front());
  }
  weights["weight"] = turned;
  add_single(node, Op::linear, {edge(node, 0)}, {}, std::move(weights));
}

void Lowering::gemm(const NodeProto& node) {
  const Attributes attributes(node);
  if (attributes.integer("transA", 0) != 0) throw NotHeld{"transA"};
  linear(node, floats(node, 1), attributes.integer("transB", 0) == 0, attributes.real("alpha", 1),
         known(node, 2) ? &floats(node, 2) : nullptr, attributes.real("beta", 1));
}

void Lowering::matmul(const NodeProto& node) {
  if (!constant(node, 1)) throw NotHeld{"two factors that are computed as it runs"};
  linear(node, floats(node, 1), true, 1, nullptr, 0);
}

void Lowering::max_pool(const NodeProto& node) {
  const Attributes attributes(node);
  const graph::EdgeId x = edge(node, 0);
  require_plain(attributes, "dilations", 1);
  graph::PoolAttributes a;
  a.kernel = pair_of(attributes, "kernel_shape", {1, 1});
  a.stride = pair_of(attributes, "strides", {1, 1});
  a.padding = padding_of(attributes, shape(x), a.kernel, a.stride, {1, 1});
  for (int i = 0; i < 2 && attributes.integer("ceil_mode", 0) != 0; ++i) {
    const bool fits = a.stride[i] > 0 && shape(x).size() == 4 &&
                      (shape(x)[2 + i] + 2 * a.padding[i] - a.kernel[i]) % a.stride[i] == 0;
    if (!fits) throw NotHeld{"a last window that is cut off (ceil_mode)"};
  }
  for (int i = 1; i < node.output_size(); ++i) {
    if (uses_.contains(node.output(i)) && !node.output(i).empty()) throw NotHeld{"indices as outputs"};
  }
  add_single(node, Op::max_pool, {x}, a);
}

void Lowering::average_pool(const NodeProto& node) {
  const Attributes attributes(node);
  const graph::EdgeId x = edge(node, 0);
  const auto kernel = pair_of(attributes, "kernel_shape", {1, 1});
  if (shape(x).size() != 4 || kernel[0] != shape(x)[2] || kernel[1] != shape(x)[3]) {
    throw NotHeld{fmt::format("means over {} x {} pixels rather than whole maps", kernel[0], kernel[1])};
  }
  require_plain(attributes, "pads", 0);
  add_single(node, Op::global_avg_pool, {x});
}

void Lowering::global_average_pool(const NodeProto& node) { add_single(node, Op::global_avg_pool, {edge(node, 0)}); }

void Lowering::reduce_mean(const NodeProto& node) {
  const Attributes attributes(node);
  const graph::EdgeId x = edge(node, 0);
  auto axes = attributes.integers("axes");
  if (const Tensor* given = constant(node, 1); given && given->dtype() == DType::i64) {
    axes.emplace(given->values<int64_t>().begin(), given->values<int64_t>().end());
  }
  for (int64_t& axis : axes.emplace(axes.value_or(std::vector<int64_t>()))) axis += axis < 0 ? 4 : 0;
  std::ranges::sort(*axes);
  if (shape(x).size() != 4 || *axes != std::vector<int64_t>{2, 3}) {
    throw NotHeld{fmt::format("means over axes [{}] rather than whole maps", fmt::join(*axes, ","))};
  }
  if (attributes.integer("keepdims", 1) != 0) return add_single(node, Op::global_avg_pool, {x});
  graph::Node pool{free_name(node), Op::global_avg_pool, {}, {x}, {}, graph::Activation::none};
  const auto pooled = add(std::move(pool), {}, {node.output(0) + "_pooled"});
  graph::Node flat{free_name(node, "_flatten"), Op::flatten, {}, pooled, {}, graph::Activation::none};
  alias(node, add(std::move(flat), {}, {node.output(0)}).front());
}

}  // namespace quench::onnx
