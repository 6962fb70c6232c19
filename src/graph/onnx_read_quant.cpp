#include <algorithm>
#include <charconv>
#include <cmath>

#include "graph/dynamic_range.h"
#include "graph/levels.h"
#include "graph/onnx_decode.h"
#include "graph/onnx_mark.h"
#include "graph/onnx_reader.h"
#include "graph/onnx_types.h"
#include "graph/weight_groups.h"

namespace quench::graph {
namespace {

using onnx_decode::wrong;

/// `bits` of a QuantizeLinear or DequantizeLinear from its mark.
int marked_bits(const quench_onnx::NodeProto& proto, DType dtype) {
  std::string_view doc = proto.doc_string();
  if (dtype == DType::i32) return 32;
  if (!doc.starts_with(onnx_mark::kBits)) return 8;
  doc.remove_prefix(onnx_mark::kBits.size());
  int bits = 0;
  const auto [end, status] = std::from_chars(doc.data(), doc.data() + doc.size(), bits);
  if (status != std::errc() || end != doc.data() + doc.size() || bits < 1 || bits > 8) {
    wrong("expected 1 to 8 bits, got '{}' (node {})", doc, proto.name());
  }
  return bits;
}

std::vector<int32_t> integers(const Tensor& tensor, const quench_onnx::NodeProto& proto) {
  const auto copy = [](auto values) { return std::vector<int32_t>(values.begin(), values.end()); };
  switch (tensor.dtype()) {
    case DType::u8: return copy(tensor.values<uint8_t>());
    case DType::i8: return copy(tensor.values<int8_t>());
    case DType::i32: return copy(tensor.values<int32_t>());
    default: wrong("expected integer zero points, got {} (node {})", to_string(tensor.dtype()), proto.name());
  }
}

}  // namespace

QuantParams OnnxReader::quant_params(const NodeProto& proto) const {
  if (proto.input_size() != 3 || proto.output_size() != 1) {
    wrong("expected 3 inputs and 1 output of {} (node {})", proto.op_type(), proto.name());
  }
  const auto& scale = constant(proto, 1);
  const Tensor zero_point = onnx_decode::tensor(constant(proto, 2));
  QuantParams quant;
  quant.scale = onnx_decode::constant<float>(scale);
  quant.zero_point = integers(zero_point, proto);
  quant.dtype = zero_point.dtype();
  quant.bits = marked_bits(proto, quant.dtype);
  onnx_decode::AttributeReader attributes(proto);
  const int64_t axis = attributes.integer("axis", 1);
  attributes.finish();
  if (scale.dims_size() > 0 && axis != 0) wrong("expected scales along axis 0, got {} (node {})", axis, proto.name());
  quant.axis = scale.dims_size() > 0 ? 0 : -1;
  if (quant.scale.size() != quant.zero_point.size() || scale.dims_size() > 1) {
    wrong("expected as many zero points as scales (node {})", proto.name());
  }
  for (const float value : quant.scale) {  // before it is compared: it equals nothing
    if (std::isnan(value)) wrong("expected scales above 0, got nan (node {})", proto.name());
  }
  return quant;
}

/// Clip, Min or Max with the range mark: the bounds follow from the parameters that come after.
void OnnxReader::read_range(const NodeProto& proto) {
  if (proto.input_size() < 2 || proto.output_size() != 1) {
    wrong("expected 2 or 3 inputs and 1 output of {} (node {})", proto.op_type(), proto.name());
  }
  for (int i = 1; i < proto.input_size(); ++i) onnx_decode::constant<float>(constant(proto, i));
  Value value = find(proto, 0);
  if (value.kind == Kind::edge) {
    value.kind = Kind::edge_clipped;
  } else if (value.kind == Kind::weight || value.kind == Kind::weight_clamped) {
    value.kind = Kind::weight_clamped;
  } else {
    wrong("expected a value that is not yet quantized (node {})", proto.name());
  }
  define(proto.output(0), value);
}

void OnnxReader::read_quantize(const NodeProto& proto) {
  const QuantParams quant = quant_params(proto);
  Value value = find(proto, 0);
  if (value.kind == Kind::edge || value.kind == Kind::edge_clipped) {
    if (graph_.edge(value.edge).quant || read_raw_[value.edge]) {
      wrong("expected edge {} to be quantized once, and for all its readers", graph_.edge(value.edge).name);
    }
    graph_.edge(value.edge).quant = quant;
    value.kind = Kind::edge_quantized;
  } else if (value.kind == Kind::weight || value.kind == Kind::weight_clamped) {
    value.kind = Kind::weight_quantized;
    value.quant = quant;
  } else {
    wrong("expected a value that is not yet quantized (node {})", proto.name());
  }
  define(proto.output(0), value);
}

const quench_onnx::TensorProto* OnnxReader::unrounded(const NodeProto& proto) const {
  std::string_view mark = proto.doc_string();
  if (!mark.starts_with(onnx_mark::kUnrounded)) return nullptr;
  mark.remove_prefix(onnx_mark::kUnrounded.size());
  const auto found = values_.find(std::string(mark));
  if (found == values_.end() || found->second.kind != Kind::weight) {
    wrong("expected float weights beside the codes, got no constant '{}' (node {})", mark, proto.name());
  }
  return found->second.tensor;
}

void OnnxReader::read_dynamic_quantize(const NodeProto& proto) {
  if (proto.input_size() != 1 || proto.output_size() != 3) {
    wrong("expected 1 input and 3 outputs of {} (node {})", proto.op_type(), proto.name());
  }
  onnx_decode::AttributeReader(proto).finish();
  Value value = find(proto, 0);
  if (value.kind != Kind::edge || graph_.edge(value.edge).quant || read_raw_[value.edge]) {
    wrong("expected an edge that is quantized once, and for all its readers, got '{}' (node {})", proto.input(0),
          proto.name());
  }
  graph_.edge(value.edge).quant = dynamic_params();
  constexpr Kind kOutputs[] = {Kind::edge_quantized, Kind::edge_scale, Kind::edge_zero_point};
  for (int i = 0; i < 3; ++i) {
    value.kind = kOutputs[i];
    define(proto.output(i), value);
  }
}

/// With the scale and zero point that DynamicQuantizeLinear gave for the same edge.
void OnnxReader::read_dynamic_dequantize(const NodeProto& proto) {
  if (proto.input_size() != 3 || proto.output_size() != 1) {
    wrong("expected 3 inputs and 1 output of {} (node {})", proto.op_type(), proto.name());
  }
  onnx_decode::AttributeReader attributes(proto);
  attributes.integer("axis", 1);
  attributes.finish();
  Value value = find(proto, 0);
  const Value &scale = find(proto, 1), &zero_point = find(proto, 2);
  if (scale.kind != Kind::edge_scale || scale.edge != value.edge || zero_point.kind != Kind::edge_zero_point ||
      zero_point.edge != value.edge) {
    wrong("expected the scale and zero point of {} that DynamicQuantizeLinear gave, got others (node {})",
          graph_.edge(value.edge).name, proto.name());
  }
  value.kind = Kind::edge_final;
  define(proto.output(0), value);
}

/// Codes, or factors of groups, of 8, 4 or 2 bits, on their way to a Gather or a Mul.
void OnnxReader::read_codes(const NodeProto& proto) {
  if (proto.input_size() != 1 || proto.output_size() != 1) {
    wrong("expected 1 input and 1 output of Cast (node {})", proto.name());
  }
  onnx_decode::AttributeReader attributes(proto);
  const int64_t to = attributes.integer("to", 0);
  attributes.finish();
  Value value = find(proto, 0);
  const int32_t type = value.tensor ? value.tensor->data_type() : 0;
  constexpr int32_t kTypes[] = {quench_onnx::TensorProto::UINT8, kUint4, kUint2,
                                quench_onnx::TensorProto::INT8,  kInt4,  kInt2};
  if (value.kind != Kind::weight || to != quench_onnx::TensorProto::INT32 || std::ranges::count(kTypes, type) == 0) {
    wrong("expected a Cast of codes of levels or groups to int32, got another (node {})", proto.name());
  }
  value.kind = Kind::weight_codes;
  define(proto.output(0), value);
}

void OnnxReader::read_levels(const NodeProto& proto) {
  if (proto.input_size() != 2 || proto.output_size() != 1) {
    wrong("expected 2 inputs and 1 output of Gather (node {})", proto.name());
  }
  onnx_decode::AttributeReader attributes(proto);
  const int64_t axis = attributes.integer("axis", 0);
  attributes.finish();
  const auto& levels = constant(proto, 0);
  Value value = find(proto, 1);
  if (value.kind != Kind::weight_codes || axis != 0 || levels.dims_size() != 1 || levels.dims(0) < 1) {
    wrong("expected levels along axis 0 and their codes, got others (node {})", proto.name());
  }
  value.kind = Kind::weight_levels;
  value.levels = onnx_decode::constant<int8_t>(levels);
  value.unrounded = unrounded(proto);
  define(proto.output(0), value);
}

/// Gather of the factors of groups, one for each input: the indices are 0 group_size times, then 1, and so on.
void OnnxReader::read_factors(const NodeProto& proto) {
  if (proto.input_size() != 2 || proto.output_size() != 1) {
    wrong("expected 2 inputs and 1 output of Gather (node {})", proto.name());
  }
  onnx_decode::AttributeReader attributes(proto);
  const int64_t axis = attributes.integer("axis", 0);
  attributes.finish();
  std::string_view mark = proto.doc_string();
  int64_t size = 0;
  if (mark.starts_with(onnx_mark::kGroupSize)) mark.remove_prefix(onnx_mark::kGroupSize.size());
  const auto [end, status] = std::from_chars(mark.data(), mark.data() + mark.size(), size);
  if (status != std::errc() || end != mark.data() + mark.size() || size < 1 || axis != 1) {
    wrong("expected a Gather of factors of groups along axis 1, marked with their size, got another (node {})",
          proto.name());
  }
  Value value = find(proto, 0);
  const auto& index = constant(proto, 1);
  const std::vector<int32_t> group = onnx_decode::constant<int32_t>(index);
  bool in_order = index.dims_size() == 1 && !group.empty();
  for (size_t i = 0; i < group.size(); ++i) in_order &= group[i] == static_cast<int64_t>(i) / size;
  const auto& dims = value.tensor->dims();
  bool fits = in_order && dims.size() >= 2 && dims[1] == group.back() + 1;
  for (int i = 2; fits && i < dims.size(); ++i) fits = dims[i] == 1;
  if (!fits) {
    wrong(
        "expected factors [O,G,1,...] of groups of {} inputs, and the group of each input in order, got others (node "
        "{})",
        size, proto.name());
  }
  value.kind = Kind::weight_factors;
  value.group_size = size;
  value.inputs = static_cast<int64_t>(group.size());
  define(proto.output(0), value);
}

void OnnxReader::read_products(const NodeProto& proto) {
  if (proto.input_size() != 2 || proto.output_size() != 1) {
    wrong("expected 2 inputs and 1 output of Mul (node {})", proto.name());
  }
  Value value = find(proto, 0);
  const Value& factors = find(proto, 1);
  const auto& of_codes = value.tensor->dims();
  if (factors.kind != Kind::weight_factors || of_codes.size() != factors.tensor->dims_size() ||
      of_codes[0] != factors.tensor->dims(0) || of_codes[1] != factors.inputs) {
    wrong("expected codes of weights times the factors of their groups, got another product (node {})", proto.name());
  }
  value.kind = Kind::weight_products;
  value.factors = factors.tensor;
  value.group_size = factors.group_size;
  define(proto.output(0), value);
}

/// The Cast of products to int8.
void OnnxReader::read_groups(const NodeProto& proto) {
  if (proto.input_size() != 1 || proto.output_size() != 1) {
    wrong("expected 1 input and 1 output of Cast (node {})", proto.name());
  }
  onnx_decode::AttributeReader attributes(proto);
  const int64_t to = attributes.integer("to", 0);
  attributes.finish();
  if (to != quench_onnx::TensorProto::INT8) {
    wrong("expected a Cast of codes times factors to int8, got another (node {})", proto.name());
  }
  Value value = find(proto, 0);
  value.kind = Kind::weight_groups;
  value.unrounded = unrounded(proto);
  define(proto.output(0), value);
}

void OnnxReader::read_dequantize(const NodeProto& proto) {
  if (const Value& given = find(proto, 0); given.kind == Kind::edge_quantized && is_dynamic(graph_.edge(given.edge))) {
    return read_dynamic_dequantize(proto);
  }
  QuantParams quant = quant_params(proto);
  Value value = find(proto, 0);
  if (value.kind == Kind::edge_quantized) {
    auto& known = graph_.edge(value.edge).quant;
    if (!known) known = quant;
    if (*known != quant) wrong("expected the parameters of QuantizeLinear again (node {})", proto.name());
    value.kind = Kind::edge_final;
  } else if (value.kind == Kind::weight || value.kind == Kind::weight_quantized) {
    if (value.kind == Kind::weight_quantized && value.quant != quant) {
      wrong("expected the parameters of QuantizeLinear again (node {})", proto.name());
    }
    if (value.kind == Kind::weight && value.tensor->data_type() == quench_onnx::TensorProto::FLOAT) {
      wrong("expected integers, got float32 {} (node {})", value.tensor->name(), proto.name());
    }
    value.kind = Kind::weight_final;
    value.quant = quant;
  } else if (value.kind == Kind::weight_levels) {
    quant.levels = value.levels;
    value.kind = Kind::weight_final;
    value.quant = quant;
  } else if (value.kind == Kind::weight_groups) {
    quant.group_size = value.group_size;
    quant.group_factors = onnx_decode::constant<uint8_t>(*value.factors);
    if (quant.dtype != DType::i8) {
      wrong("expected int8 weights of groups, got {} (node {})", to_string(quant.dtype), proto.name());
    }
    value.kind = Kind::weight_final;
    value.quant = quant;
  } else {
    wrong("expected a quantized value (node {})", proto.name());
  }
  define(proto.output(0), value);
}

Weight OnnxReader::weight(const NodeProto& proto, int input) const {
  const Value& value = find(proto, input);
  if (value.kind != Kind::weight && value.kind != Kind::weight_final) {
    wrong("expected a constant, got {} (input {} of node {})", proto.input(input), input, proto.name());
  }
  const bool groups = value.factors != nullptr;
  const Tensor codes = onnx_decode::tensor(*value.tensor);
  if (value.levels.empty() && !groups) return {codes, value.quant};
  if (value.unrounded == nullptr) {
    return {groups ? from_group_codes(codes, *value.quant, proto.input(input))
                   : levels_of(codes, value.levels, proto.input(input)),
            value.quant};
  }
  Weight weight{onnx_decode::tensor(*value.unrounded), value.quant};
  groups ? require_rounded_to_groups(weight, codes, proto.input(input))
         : require_rounded_to(weight, codes, proto.input(input));
  return weight;
}

}  // namespace quench::graph
