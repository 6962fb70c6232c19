#include "graph/onnx_decode.h"

#include <algorithm>
#include <cstring>

#include "graph/onnx_types.h"
#include "graph/packed_integers.h"

namespace quench::graph::onnx_decode {
namespace {

using quench_onnx::AttributeProto;

DType dtype_of(int32_t data_type, const std::string& where) {
  using quench_onnx::TensorProto;
  switch (data_type) {
    case TensorProto::FLOAT: return DType::f32;
    case TensorProto::UINT8: return DType::u8;
    case TensorProto::INT8: return DType::i8;
    case TensorProto::INT32: return DType::i32;
    case TensorProto::INT64: return DType::i64;
    default: wrong("expected float32, uint8, int8, int32 or int64, got ONNX type {} ({})", data_type, where);
  }
}

}  // namespace

Tensor tensor(const quench_onnx::TensorProto& proto) {
  const int32_t type = proto.data_type();
  const int packed = type == kInt4 || type == kUint4 ? 4 : type == kInt2 || type == kUint2 ? 2 : 0;
  const bool codes = type == kUint4 || type == kUint2;
  const DType dtype = packed == 0 ? dtype_of(type, proto.name()) : codes ? DType::u8 : DType::i8;
  if (proto.data_location() != quench_onnx::TensorProto::DEFAULT || proto.external_data_size() || proto.has_segment()) {
    wrong("expected values inside the file, got external data ({})", proto.name());
  }
  const Shape shape(proto.dims().begin(), proto.dims().end());
  const auto count = static_cast<uint64_t>(element_count(shape));
  if (codes) {
    const std::vector<uint8_t> values = unpack_codes(proto.raw_data(), element_count(shape), packed);
    Tensor out(dtype, shape);
    std::ranges::copy(values, out.mutable_values<uint8_t>().begin());
    return out;
  }
  if (packed > 0) {
    const std::vector<int8_t> values = unpack_integers(proto.raw_data(), element_count(shape), packed);
    Tensor out(dtype, shape);
    std::ranges::copy(values, out.mutable_values<int8_t>().begin());
    return out;
  }
  if (count > proto.raw_data().size() || count * size_of(dtype) != proto.raw_data().size()) {
    wrong("expected raw data of {} {}, got {} bytes ({})", to_string(dtype), to_string(shape), proto.raw_data().size(),
          proto.name());
  }
  Tensor out(dtype, shape);
  if (count) std::memcpy(out.mutable_bytes(), proto.raw_data().data(), proto.raw_data().size());
  return out;
}

Value value(const quench_onnx::ValueInfoProto& proto) {
  if (!proto.type().has_tensor_type() || !proto.type().tensor_type().has_shape()) {
    wrong("expected a tensor with a shape, got another type ({})", proto.name());
  }
  const auto& type = proto.type().tensor_type();
  Value out{dtype_of(type.elem_type(), proto.name()), {}};
  for (const auto& dim : type.shape().dim()) {
    const bool is_batch = out.shape.empty();
    if (!is_batch && dim.dim_value() < 1) {
      wrong("expected dimensions above 0, got {} ({})", dim.dim_value(), proto.name());
    }
    out.shape.push_back(is_batch ? 1 : dim.dim_value());
  }
  return out;
}

const AttributeProto* AttributeReader::find(std::string_view name, AttributeProto::AttributeType type) {
  asked_.insert(name);
  const AttributeProto* found = nullptr;
  for (const AttributeProto& attribute : node_.attribute()) {
    if (attribute.name() != name) continue;
    if (found) wrong("expected attribute {} once, got it twice (node {})", name, node_.name());
    if (attribute.type() != type) wrong("expected attribute {} of another type (node {})", name, node_.name());
    found = &attribute;
  }
  return found;
}

int64_t AttributeReader::integer(std::string_view name, int64_t otherwise) {
  const AttributeProto* found = find(name, AttributeProto::INT);
  return found ? found->i() : otherwise;
}

float AttributeReader::real(std::string_view name, float otherwise) {
  const AttributeProto* found = find(name, AttributeProto::FLOAT);
  return found ? found->f() : otherwise;
}

std::array<int64_t, 2> AttributeReader::pair(std::string_view name, std::array<int64_t, 2> otherwise) {
  const AttributeProto* found = find(name, AttributeProto::INTS);
  if (!found) return otherwise;
  if (found->ints_size() != 2)
    wrong("expected 2 values of {}, got {} (node {})", name, found->ints_size(), node_.name());
  return {found->ints(0), found->ints(1)};
}

std::array<int64_t, 2> AttributeReader::padding() {
  const AttributeProto* found = find("pads", AttributeProto::INTS);
  if (!found) return {0, 0};
  if (found->ints_size() != 4 || found->ints(0) != found->ints(2) || found->ints(1) != found->ints(3)) {
    wrong("expected 4 pads, the same at both ends (node {})", node_.name());
  }
  return {found->ints(0), found->ints(1)};
}

void AttributeReader::require(std::string_view name, std::string_view wanted) {
  const AttributeProto* found = find(name, AttributeProto::STRING);
  if (!found || found->s() != wanted) wrong("expected {} to be {} (node {})", name, wanted, node_.name());
}

void AttributeReader::finish() const {
  for (const AttributeProto& attribute : node_.attribute()) {
    if (!asked_.count(attribute.name())) {
      wrong("{} node {} has attribute '{}', which a Graph cannot hold", node_.op_type(), node_.name(),
            attribute.name());
    }
  }
}

}  // namespace quench::graph::onnx_decode
