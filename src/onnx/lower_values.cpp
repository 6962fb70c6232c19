// What works value by value, and what moves values.
#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "onnx/evaluate.h"
#include "onnx/lowering.h"

namespace quench::onnx {

using graph::EdgeId;
using graph::Op;

namespace {

constexpr int64_t kMostMade = int64_t{1} << 26;  // of what is made here beside the file's own constants

}  // namespace

void Lowering::relu(const NodeProto& node) { add_single(node, Op::relu, {edge(node, 0)}); }
void Lowering::sigmoid(const NodeProto& node) { add_single(node, Op::sigmoid, {edge(node, 0)}); }

void Lowering::pair(const NodeProto& node, Op op) {
  const EdgeId a = edge(node, 0), b = edge(node, 1);
  if (shape(a) != shape(b)) {
    throw NotHeld{fmt::format("inputs of two shapes, {} and {}", to_string(shape(a)), to_string(shape(b)))};
  }
  add_single(node, op, {a, b});
}

/// A constant as one number for each channel of x.
std::vector<float> Lowering::per_channel(const Tensor& constant, EdgeId x) const {
  if (constant.dtype() != DType::f32) throw NotHeld{"a constant of whole numbers"};
  const Shape& map = shape(x);
  const auto values = constant.values<float>();
  const int64_t channels = map.at(1);
  if (channels > kMostMade) throw NotHeld{fmt::format("{} channels", channels)};
  if (constant.size() == 1) return std::vector<float>(static_cast<size_t>(channels), values[0]);
  Shape aligned(map.size(), 1);
  const Shape& given = constant.shape();
  if (given.size() > map.size()) throw NotHeld{"a constant " + to_string(given)};
  std::copy(given.begin(), given.end(), aligned.end() - static_cast<std::ptrdiff_t>(given.size()));
  if (constant.size() != channels || aligned[1] != channels) {
    throw NotHeld{fmt::format("a constant {} for {}", to_string(given), to_string(map))};
  }
  return {values.begin(), values.end()};
}

/// Whether a shift of channels became the bias of the layer before, which nothing else reads.
bool Lowering::into_bias(const NodeProto& node, EdgeId x, const std::vector<float>& shift) {
  graph::Graph& graph = raw_.graph;
  if (graph.nodes.empty()) return false;
  const graph::Node& last = graph.nodes.back();
  const bool layer = last.op == Op::linear || last.op == Op::conv;
  if (!layer || last.outputs.front() != x || uses_[graph.edge(x).name] != 1) return false;
  if (graph.weight(last, "bias") != nullptr) return false;
  graph.weights[last.name + ".bias"] = {Tensor::from(shift, {static_cast<int64_t>(shift.size())}), std::nullopt};
  alias(node, x);
  return true;
}

/// x * factor + shift, for each channel.
void Lowering::affine(const NodeProto& node, EdgeId x, std::vector<float> factor, std::vector<float> shift) {
  const auto all = [](const std::vector<float>& values, float value) {
    return std::ranges::all_of(values, [&](float v) { return v == value; });
  };
  if (all(factor, 1) && all(shift, 0)) return alias(node, x);
  if (all(factor, 1) && into_bias(node, x, shift)) return;
  if (shape(x).size() != 4) throw NotHeld{"a constant beside " + to_string(shape(x))};
  const auto channels = static_cast<int64_t>(factor.size());
  graph::ConvAttributes a;
  a.groups = channels;
  add_single(node, Op::conv, {x}, a,
             {{"weight", Tensor::from(factor, {channels, 1, 1, 1})}, {"bias", Tensor::from(shift, {channels})}});
}

void Lowering::add_values(const NodeProto& node) {
  for (const int k : {0, 1}) {
    const Tensor* shift = constant(node, k);
    if (!shift) continue;
    const EdgeId x = edge(node, 1 - k);
    const std::vector<float> shifts = per_channel(*shift, x);
    return affine(node, x, std::vector<float>(shifts.size(), 1), shifts);
  }
  pair(node, Op::add);
}

void Lowering::subtract(const NodeProto& node) {
  if (const Tensor* from = constant(node, 0)) {
    const EdgeId x = edge(node, 1);
    const std::vector<float> shifts = per_channel(*from, x);
    return affine(node, x, std::vector<float>(shifts.size(), -1), shifts);
  }
  const EdgeId x = edge(node, 0);
  if (!constant(node, 1)) throw NotHeld{"a difference of two values"};
  std::vector<float> shifts = per_channel(*constant(node, 1), x);
  for (float& value : shifts) value = -value;
  affine(node, x, std::vector<float>(shifts.size(), 1), shifts);
}

void Lowering::multiply(const NodeProto& node) {
  for (const int k : {0, 1}) {
    const Tensor* factor = constant(node, k);
    if (!factor) continue;
    const EdgeId x = edge(node, 1 - k);
    const std::vector<float> factors = per_channel(*factor, x);
    return affine(node, x, factors, std::vector<float>(factors.size(), 0));
  }
  pair(node, Op::mul);
}

void Lowering::divide(const NodeProto& node) {
  const EdgeId x = edge(node, 0);
  if (!constant(node, 1)) throw NotHeld{"a quotient of two values"};
  std::vector<float> factors = per_channel(*constant(node, 1), x);
  for (float& value : factors) value = 1 / value;
  if (!std::ranges::all_of(factors, [](float v) { return std::isfinite(v); })) throw NotHeld{"a division by zero"};
  affine(node, x, factors, std::vector<float>(factors.size(), 0));
}

void Lowering::concat(const NodeProto& node) {
  std::vector<EdgeId> parts;
  for (int i = 0; i < node.input_size(); ++i) parts.push_back(edge(node, i));
  if (parts.empty()) throw NotHeld{"no inputs"};
  const int64_t axis = Attributes(node).integer("axis", 1);
  const auto rank = static_cast<int64_t>(shape(parts[0]).size());
  if (axis != 1 && axis != 1 - rank) throw NotHeld{fmt::format("axis {}", axis)};
  if (parts.size() == 1) return alias(node, parts[0]);
  add_single(node, Op::concat, parts);
}

void Lowering::split(const NodeProto& node) {
  const EdgeId x = edge(node, 0);
  const Attributes attributes(node);
  const int64_t axis = attributes.integer("axis", 0);
  if (shape(x).size() != 4 || (axis != 1 && axis != -3)) throw NotHeld{fmt::format("axis {}", axis)};
  std::vector<int64_t> sizes = attributes.integers("split").value_or(std::vector<int64_t>());
  if (const Tensor* given = constant(node, 1); given && given->dtype() == DType::i64) {
    sizes.assign(given->values<int64_t>().begin(), given->values<int64_t>().end());
  }
  const int64_t channels = shape(x)[1], count = node.output_size();
  if (sizes.empty()) {
    const int64_t each = (channels + count - 1) / count;
    for (int64_t i = 0; i < count; ++i) sizes.push_back(std::clamp<int64_t>(channels - i * each, 0, each));
  }
  std::vector<std::string> names;
  for (const std::string& output : node.output()) {
    names.push_back(output.empty() ? fmt::format("{}_{}", node.output(0), names.size()) : output);
  }
  graph::Node made{free_name(node), Op::split, graph::SplitAttributes{sizes}, {x}, {}, graph::Activation::none};
  const std::vector<EdgeId> outputs = add(std::move(made), {}, names);
  for (int i = 0; i < node.output_size(); ++i) define(node.output(i), {Known::Kind::edge, outputs[i]});
}

/// Channels from..to: a split whose other parts nobody reads (join_splits).
void Lowering::slice(const NodeProto& node) {
  const EdgeId x = edge(node, 0);
  const Attributes attributes(node);
  const auto number = [&](int input, const char* name, int64_t otherwise) {
    std::vector<int64_t> values = attributes.integers(name).value_or(std::vector<int64_t>{otherwise});
    if (const Tensor* given = constant(node, input); given && given->dtype() == DType::i64) {
      values.assign(given->values<int64_t>().begin(), given->values<int64_t>().end());
    } else if (known(node, input)) {
      throw NotHeld{"bounds that are computed as it runs"};
    }
    if (values.size() != 1) throw NotHeld{fmt::format("{} axes", values.size())};
    return values[0];
  };
  const int64_t axis = number(3, "axes", 0), channels = shape(x).at(1);
  if (shape(x).size() != 4 || (axis != 1 && axis != -3)) throw NotHeld{fmt::format("axis {}", axis)};
  if (number(4, "steps", 1) != 1) throw NotHeld{"steps above 1"};
  const auto place = [&](int64_t value) {
    return std::clamp<int64_t>(value < 0 ? value + channels : value, 0, channels);
  };
  const int64_t begin = place(number(1, "starts", 0)), end = place(number(2, "ends", channels));
  if (begin >= end) throw NotHeld{"no channels"};
  if (end - begin == channels) return alias(node, x);
  std::vector<int64_t> sizes;
  std::vector<std::string> names;
  const auto part = [&](int64_t size, const std::string& name) {
    if (size == 0) return;
    sizes.push_back(size);
    names.push_back(name);
  };
  part(begin, node.output(0) + "_before");
  part(end - begin, node.output(0));
  part(channels - end, node.output(0) + "_behind");
  graph::Node made{free_name(node), Op::split, graph::SplitAttributes{sizes}, {x}, {}, graph::Activation::none};
  const std::vector<EdgeId> outputs = add(std::move(made), {}, names);
  alias(node, outputs[begin > 0 ? 1 : 0]);
}

/// Enlarges to the nearest pixel by a whole factor. Where pixels' middles are aligned, the nearest is the same whatever
/// the rounding, since a whole factor never lands half way.
void Lowering::resize(const NodeProto& node) {
  const EdgeId x = edge(node, 0);
  const Attributes attributes(node);
  const Shape from = shape(x);
  if (from.size() != 4) throw NotHeld{"an input " + to_string(from)};
  if (const std::string mode = attributes.text("mode", "nearest"); mode != "nearest") throw NotHeld{"mode " + mode};
  const bool older = node.op_type() == "Upsample" || document_.opset < 11;
  std::vector<double> factors(2, 0);
  const Tensor* scales = constant(node, older ? 1 : 2);
  const Tensor* sizes = older ? nullptr : constant(node, 3);
  const std::vector<float> old = attributes.reals("scales");
  if (sizes && sizes->dtype() == DType::i64 && sizes->size() == 4) {
    for (int i = 0; i < 2; ++i) {
      factors[i] = static_cast<double>(sizes->values<int64_t>()[2 + i]) / static_cast<double>(from[2 + i]);
    }
  } else if (scales && scales->dtype() == DType::f32 && scales->size() == 4) {
    if (scales->values<float>()[0] != 1 || scales->values<float>()[1] != 1) throw NotHeld{"a factor of channels"};
    for (int i = 0; i < 2; ++i) factors[i] = scales->values<float>()[2 + i];
  } else if (old.size() == 4) {
    factors = {old[2], old[3]};
  }
  const double factor = factors[0];
  if (factor != factors[1] || factor != std::floor(factor) || !(factor >= 1 && factor < 1e6)) {
    throw NotHeld{fmt::format("factors {} and {}", factors[0], factors[1])};
  }
  const std::string middle = attributes.text("coordinate_transformation_mode", older ? "asymmetric" : "half_pixel");
  const std::string nearest = attributes.text("nearest_mode", older ? "floor" : "round_prefer_floor");
  const bool rounds = nearest == "round_prefer_floor" || nearest == "round_prefer_ceil";
  const bool copies = middle == "asymmetric" ? nearest == "floor" || (nearest == "round_prefer_floor" && factor == 2)
                                             : (middle == "half_pixel" || middle == "pytorch_half_pixel") && rounds;
  if (!copies && factor != 1) throw NotHeld{fmt::format("{} with {}", middle, nearest)};
  if (factor == 1) return alias(node, x);
  add_single(node, Op::upsample, {x}, graph::UpsampleAttributes{static_cast<int64_t>(factor)});
}

/// Flatten, Reshape and Squeeze: of maps of one pixel to a list of channels, of any maps where a linear layer follows.
void Lowering::flatten(const NodeProto& node) {
  const EdgeId x = edge(node, 0);
  Shape whole = shape(x);
  whole[0] = raw_.batch;
  // What becomes of the shape is found on a stand-in, which must not be large.
  if (element_count(whole) > kMostMade) throw NotHeld{"maps " + to_string(whole)};
  const Tensor stand_in(DType::f32, whole);
  std::vector<const Tensor*> inputs{&stand_in};
  for (int i = 1; i < node.input_size(); ++i) {
    if (known(node, i) && !constant(node, i)) throw NotHeld{"a shape that is computed as it runs"};
    inputs.push_back(constant(node, i));
  }
  Shape to;
  try {
    to = evaluate(node, inputs, document_.opset).at(0).shape();
  } catch (const Error& error) {
    throw NotHeld{error.what()};
  }
  if (to == whole) return alias(node, x);
  if (to.size() != 2 || to[0] != raw_.batch || whole.size() != 4) {
    throw NotHeld{fmt::format("{} to {}", to_string(whole), to_string(to))};
  }
  if (whole[2] == 1 && whole[3] == 1) return add_single(node, Op::flatten, {x});
  define(node.output(0), {Known::Kind::flat, x});
}

void Lowering::pass(const NodeProto& node) {
  const Known* from = known(node, 0);
  if (!from) throw NotHeld{"no input"};
  define(node.output(0), *from);
  for (int i = 1; i < node.output_size(); ++i) define(node.output(i), {Known::Kind::lost, -1});
}

void Lowering::cast(const NodeProto& node) {
  using quench_onnx::TensorProto;
  const int64_t to = Attributes(node).integer("to", 0);
  const bool to_float = to == TensorProto::FLOAT || to == TensorProto::DOUBLE || to == TensorProto::FLOAT16 ||
                        to == TensorProto::BFLOAT16;
  if (!to_float) throw NotHeld{fmt::format("to ONNX type {}", to)};
  pass(node);
}

}  // namespace quench::onnx
