#include "graph/onnx_encode.h"

#include <bit>

#include "core/error.h"
#include "graph/onnx_types.h"
#include "graph/packed_integers.h"

namespace quench::graph::onnx_encode {
namespace {

using quench_onnx::AttributeProto;

AttributeProto& add_attribute(quench_onnx::NodeProto& node, std::string_view name, AttributeProto::AttributeType type) {
  AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(std::string(name));
  attribute.set_type(type);
  return attribute;
}

}  // namespace

int32_t data_type(DType dtype) {
  using quench_onnx::TensorProto;
  switch (dtype) {
    case DType::f32: return TensorProto::FLOAT;
    case DType::u8: return TensorProto::UINT8;
    case DType::i8: return TensorProto::INT8;
    case DType::i32: return TensorProto::INT32;
    case DType::i64: return TensorProto::INT64;
  }
  fail(ErrorKind::internal, "[graph.onnx] unknown dtype");
}

void set_attribute(quench_onnx::NodeProto& node, std::string_view name, int64_t value) {
  add_attribute(node, name, AttributeProto::INT).set_i(value);
}

void set_attribute(quench_onnx::NodeProto& node, std::string_view name, float value) {
  add_attribute(node, name, AttributeProto::FLOAT).set_f(value);
}

void set_attribute(quench_onnx::NodeProto& node, std::string_view name, std::string_view value) {
  add_attribute(node, name, AttributeProto::STRING).set_s(std::string(value));
}

void set_attribute(quench_onnx::NodeProto& node, std::string_view name, const std::vector<int64_t>& values) {
  AttributeProto& attribute = add_attribute(node, name, AttributeProto::INTS);
  for (int64_t value : values) attribute.add_ints(value);
}

void set_tensor(quench_onnx::TensorProto& proto, std::string_view name, const Tensor& tensor, int bits) {
  static_assert(std::endian::native == std::endian::little, "ONNX raw data is little-endian");
  proto.set_name(std::string(name));
  for (int64_t dim : tensor.shape()) proto.add_dims(dim);
  if (bits < 8 && tensor.dtype() == DType::u8) {
    proto.set_data_type(bits == 2 ? kUint2 : kUint4);
    proto.set_raw_data(pack_codes(tensor.values<uint8_t>(), bits));
  } else if (bits < 8) {
    proto.set_data_type(bits == 2 ? kInt2 : kInt4);
    proto.set_raw_data(pack_integers(tensor.values<int8_t>(), bits));
  } else {
    proto.set_data_type(data_type(tensor.dtype()));
    proto.set_raw_data(tensor.bytes(), tensor.size_bytes());
  }
}

void set_value(quench_onnx::ValueInfoProto& proto, std::string_view name, DType dtype, const Shape& shape) {
  proto.set_name(std::string(name));
  auto& type = *proto.mutable_type()->mutable_tensor_type();
  type.set_elem_type(data_type(dtype));
  auto& dims = *type.mutable_shape();
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i == 0) {
      dims.add_dim()->set_dim_param("N");
    } else {
      dims.add_dim()->set_dim_value(shape[i]);
    }
  }
}

}  // namespace quench::graph::onnx_encode
