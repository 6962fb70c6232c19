#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "graph/levels.h"
#include "graph/onnx_encode.h"
#include "graph/onnx_mark.h"
#include "graph/onnx_writer.h"
#include "graph/packed_integers.h"
#include "graph/weight_groups.h"

namespace quench::graph {
namespace {

Tensor zero_points(const QuantParams& quant, const Shape& shape) {
  Tensor out(quant.dtype, shape);
  for (size_t i = 0; i < quant.zero_point.size(); ++i) {
    if (quant.dtype == DType::u8) out.mutable_values<uint8_t>()[i] = static_cast<uint8_t>(quant.zero_point[i]);
    if (quant.dtype == DType::i8) out.mutable_values<int8_t>()[i] = static_cast<int8_t>(quant.zero_point[i]);
    if (quant.dtype == DType::i32) out.mutable_values<int32_t>()[i] = quant.zero_point[i];
  }
  return out;
}

void mark_bits(quench_onnx::NodeProto& node, const QuantParams& quant) {
  if (quant.dtype != DType::i32 && quant.bits != 8) {
    node.set_doc_string(std::string(onnx_mark::kBits) + std::to_string(quant.bits));
  }
}

/// The float that stands for q under the parameters of one index.
float dequantized(const QuantParams& quant, size_t i, int64_t q) {
  return static_cast<float>(static_cast<double>(q - quant.zero_point[i]) * quant.scale[i]);
}

/// Whether QuantizeLinear, which saturates at the whole range of the dtype, would pass a value beyond q_min..q_max.
bool leaves_range(const Weight& weight) {
  const QuantParams& quant = *weight.quant;
  const auto values = weight.value.values<float>();
  const size_t block = values.size() / quant.scale.size();
  const auto low = static_cast<double>(quant.q_min()), high = static_cast<double>(quant.q_max());
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t c = i / block;
    const double q = std::nearbyint(values[i] / quant.scale[c]) + quant.zero_point[c];
    if (q < low || q > high) return true;
  }
  return false;
}

}  // namespace

OnnxWriter::QuantConstants OnnxWriter::quant_constants(const std::string& owner, const QuantParams& quant, int bits) {
  const Shape shape = quant.axis < 0 ? Shape{} : Shape{static_cast<int64_t>(quant.scale.size())};
  return {add_constant(owner + "/scale", Tensor::from(quant.scale, shape)),
          add_constant(owner + "/zero_point", zero_points(quant, shape), bits)};
}

void OnnxWriter::write_quantize(const std::string& owner, const QuantParams& quant, const QuantConstants& constants,
                                const std::string& input, const std::string& output) {
  auto& node = add_node("QuantizeLinear", node_name(owner + "/quantize"),
                        {input, constants.scale, constants.zero_point}, output);
  if (quant.axis >= 0) onnx_encode::set_attribute(node, "axis", int64_t{quant.axis});
  mark_bits(node, quant);
}

void OnnxWriter::write_dequantize(const std::string& owner, const QuantParams& quant, const QuantConstants& constants,
                                  const std::string& input, const std::string& output) {
  auto& node = add_node("DequantizeLinear", node_name(owner + "/dequantize"),
                        {input, constants.scale, constants.zero_point}, output);
  if (quant.axis >= 0) onnx_encode::set_attribute(node, "axis", int64_t{quant.axis});
  mark_bits(node, quant);
}

std::string OnnxWriter::clip_edge(const Edge& edge, const std::string& raw) {
  const QuantParams& quant = *edge.quant;
  if (quant.bits >= 8) return raw;
  const auto bound = [&](const char* what, int64_t q) {
    return add_constant(edge.name + what, Tensor::from(std::vector<float>{dequantized(quant, 0, q)}, Shape{}));
  };
  const std::string low = bound("/low", quant.q_min()), high = bound("/high", quant.q_max());
  const std::string out = tensor_name(edge.name + "/clipped");
  add_node("Clip", node_name(edge.name + "/clip"), {raw, low, high}, out)
      .set_doc_string(std::string(onnx_mark::kRange));
  return out;
}

void OnnxWriter::write_dynamic_quantize(EdgeId id) {
  const Edge& edge = graph_.edge(id);
  EdgeTensors& tensors = edges_[id];
  tensors.quantized = tensor_name(edge.name + "/quantized");
  edge_constants_[id] = {tensor_name(edge.name + "/scale"), tensor_name(edge.name + "/zero_point")};
  auto& node = add_node("DynamicQuantizeLinear", node_name(edge.name + "/quantize"), {tensors.raw}, tensors.quantized);
  node.add_output(edge_constants_[id].scale);
  node.add_output(edge_constants_[id].zero_point);
}

void OnnxWriter::quantize_edge(EdgeId id) {
  const Edge& edge = graph_.edge(id);
  if (!edge.quant || edges_[id].carried) return;
  EdgeTensors& tensors = edges_[id];
  if (edge.quant->dynamic) {
    write_dynamic_quantize(id);
  } else {
    edge_constants_[id] = quant_constants(edge.name, *edge.quant);
  }
  if (tensors.quantized.empty()) {
    tensors.quantized = tensor_name(edge.name + "/quantized");
    write_quantize(edge.name, *edge.quant, edge_constants_[id], clip_edge(edge, tensors.raw), tensors.quantized);
  }
  if (tensors.is_output) {
    write_dequantize(edge.name, *edge.quant, edge_constants_[id], tensors.quantized, edge.name);
  } else if (tensors.uses == 0) {
    read_edge(id);  // an output of a split that nobody reads
  }
}

std::string OnnxWriter::read_edge(EdgeId id) {
  const Edge& edge = graph_.edge(id);
  const EdgeTensors& tensors = edges_[id];
  if (!edge.quant || tensors.carried) return tensors.raw;
  const std::string out = tensor_name(edge.name + "/dequantized");
  write_dequantize(edge.name, *edge.quant, edge_constants_[id], tensors.quantized, out);
  return out;
}

std::string OnnxWriter::clamp_weight(const std::string& name, const Weight& weight) {
  if (!leaves_range(weight)) return name;
  const QuantParams& quant = *weight.quant;
  Shape shape;
  if (quant.axis >= 0) {
    shape.assign(weight.value.shape().size(), 1);
    shape[0] = weight.value.shape()[0];
  }
  Tensor low(DType::f32, shape), high(DType::f32, shape);
  for (size_t i = 0; i < quant.scale.size(); ++i) {
    low.mutable_values<float>()[i] = dequantized(quant, i, quant.q_min());
    high.mutable_values<float>()[i] = dequantized(quant, i, quant.q_max());
  }
  std::string tensor = name;
  const auto limit = [&](const char* op_type, const char* what, const Tensor& bound) {
    const std::string constant = add_constant(name + what, bound);
    const std::string out = tensor_name(name + "/clamped");
    add_node(op_type, node_name(name + what), {tensor, constant}, out).set_doc_string(std::string(onnx_mark::kRange));
    tensor = out;
  };
  limit("Max", "/low", low);
  limit("Min", "/high", high);
  return tensor;
}

std::string OnnxWriter::read_levels(const std::string& name, const Weight& weight) {
  const QuantParams& quant = *weight.quant;
  const int bits = stored_bits(graph_, quant);
  least_bits_ = std::min(least_bits_, bits);
  const bool rounded = weight.value.dtype() != DType::f32;
  std::string codes = name;
  if (rounded) {
    onnx_encode::set_tensor(*out_.add_initializer(), name, level_codes(weight), bits);
  } else {
    onnx_encode::set_tensor(*out_.add_initializer(), name, weight.value);
    codes = add_constant(name + "/codes", level_codes(weight), bits);
  }
  const std::string levels =
      add_constant(name + "/levels", Tensor::from(quant.levels, {static_cast<int64_t>(quant.levels.size())}));
  const std::string indices = tensor_name(name + "/indices"), quantized = tensor_name(name + "/quantized");
  onnx_encode::set_attribute(add_node("Cast", node_name(name + "/cast"), {codes}, indices), "to",
                             int64_t{onnx_encode::data_type(DType::i32)});
  auto& gather = add_node("Gather", node_name(name + "/gather"), {levels, indices}, quantized);
  onnx_encode::set_attribute(gather, "axis", int64_t{0});
  if (!rounded) gather.set_doc_string(std::string(onnx_mark::kUnrounded) + name);
  const std::string out = tensor_name(name + "/dequantized");
  write_dequantize(name, quant, quant_constants(name, quant), quantized, out);
  return out;
}

std::string OnnxWriter::group_index(int64_t inputs, int64_t group_size) {
  std::string& name = group_indices_[{inputs, group_size}];
  if (!name.empty()) return name;
  Tensor index(DType::i32, {inputs});
  for (int64_t i = 0; i < inputs; ++i) {
    index.mutable_values<int32_t>()[static_cast<size_t>(i)] = static_cast<int32_t>(i / group_size);
  }
  return name = add_constant("groups_of_" + std::to_string(group_size) + "/" + std::to_string(inputs), index);
}

std::string OnnxWriter::cast(const std::string& owner, const std::string& what, const std::string& input, DType to) {
  const std::string out = tensor_name(owner + "/" + what);
  onnx_encode::set_attribute(add_node("Cast", node_name(owner + "/cast_" + what), {input}, out), "to",
                             int64_t{onnx_encode::data_type(to)});
  return out;
}

std::string OnnxWriter::read_groups(const std::string& name, const Weight& weight) {
  const QuantParams& quant = *weight.quant;
  const int bits = stored_bits(graph_, quant), factor_bits = stored_factor_bits(quant);
  least_bits_ = std::min({least_bits_, bits, factor_bits});
  const bool rounded = weight.value.dtype() != DType::f32;
  std::string codes = name;
  if (rounded) {
    onnx_encode::set_tensor(*out_.add_initializer(), name, group_codes(weight), bits);
  } else {
    onnx_encode::set_tensor(*out_.add_initializer(), name, weight.value);
    codes = add_constant(name + "/codes", group_codes(weight), bits);
  }
  const Shape& shape = weight.value.shape();
  Shape of_factors(shape.size(), 1);
  of_factors[0] = shape[0];
  of_factors[1] = group_count(shape, quant.group_size);
  const std::string factors =
      add_constant(name + "/factors", Tensor::from(quant.group_factors, of_factors), factor_bits);
  const std::string each = tensor_name(name + "/factor_of_each"), product = tensor_name(name + "/product");
  auto& gather =
      add_node("Gather", node_name(name + "/gather"),
               {cast(name, "wide_factors", factors, DType::i32), group_index(shape[1], quant.group_size)}, each);
  onnx_encode::set_attribute(gather, "axis", int64_t{1});
  gather.set_doc_string(std::string(onnx_mark::kGroupSize) + std::to_string(quant.group_size));
  add_node("Mul", node_name(name + "/multiply"), {cast(name, "wide_codes", codes, DType::i32), each}, product);
  const std::string quantized = cast(name, "quantized", product, DType::i8);
  if (!rounded) out_.mutable_node(out_.node_size() - 1)->set_doc_string(std::string(onnx_mark::kUnrounded) + name);
  const std::string out = tensor_name(name + "/dequantized");
  write_dequantize(name, quant, quant_constants(name, quant), quantized, out);
  return out;
}

std::string OnnxWriter::read_weight(const Node& node, std::string_view role, const Weight& weight) {
  const std::string name = node.name + "." + std::string(role);
  if (weight.quant && !weight.quant->levels.empty()) return read_levels(name, weight);
  if (weight.quant && weight.quant->group_size > 0) return read_groups(name, weight);
  const int bits = stored_bits(graph_, weight);
  least_bits_ = std::min(least_bits_, bits);
  onnx_encode::set_tensor(*out_.add_initializer(), name, weight.value, bits);
  if (!weight.quant) return name;
  const QuantConstants constants = quant_constants(name, *weight.quant, bits);
  std::string quantized = name;
  if (weight.value.dtype() == DType::f32) {
    quantized = tensor_name(name + "/quantized");
    write_quantize(name, *weight.quant, constants, clamp_weight(name, weight), quantized);
  }
  const std::string out = tensor_name(name + "/dequantized");
  write_dequantize(name, *weight.quant, constants, quantized, out);
  return out;
}

}  // namespace quench::graph
