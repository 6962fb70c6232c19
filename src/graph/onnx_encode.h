#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"
#include "quench_onnx.pb.h"

/// Small builders for ONNX messages.
namespace quench::graph::onnx_encode {

/// ONNX's number of a dtype (TensorProto.DataType).
int32_t data_type(DType dtype);

void set_attribute(quench_onnx::NodeProto& node, std::string_view name, int64_t value);
void set_attribute(quench_onnx::NodeProto& node, std::string_view name, float value);
void set_attribute(quench_onnx::NodeProto& node, std::string_view name, std::string_view value);
void set_attribute(quench_onnx::NodeProto& node, std::string_view name, const std::vector<int64_t>& values);

/// Little-endian raw data; int8 or uint8 values of which each takes 4 or 2 bits as INT4, INT2, UINT4 or
/// UINT2 (graph/packed_integers.h).
void set_tensor(quench_onnx::TensorProto& proto, std::string_view name, const Tensor& tensor, int bits = 8);

/// Name, type and shape of a value; dimension 0 is the symbol N.
void set_value(quench_onnx::ValueInfoProto& proto, std::string_view name, DType dtype, const Shape& shape);

}  // namespace quench::graph::onnx_encode
