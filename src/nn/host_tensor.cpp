#include <cstring>

#include "core/error.h"
#include "nn/graph_module.h"

namespace quench::nn {

namespace {

torch::ScalarType scalar_type(DType dtype) {
  switch (dtype) {
    case DType::f32: return torch::kFloat;
    case DType::u8: return torch::kByte;
    case DType::i8: return torch::kChar;
    case DType::i32: return torch::kInt;
    case DType::i64: return torch::kLong;
  }
  fail(ErrorKind::internal, "[nn.tensor] unknown dtype {}", static_cast<int>(dtype));
}

DType host_type(torch::ScalarType type) {
  switch (type) {
    case torch::kFloat: return DType::f32;
    case torch::kByte: return DType::u8;
    case torch::kChar: return DType::i8;
    case torch::kInt: return DType::i32;
    case torch::kLong: return DType::i64;
    default:
      fail(ErrorKind::internal, "[nn.tensor] expected float32, uint8, int8, int32 or int64, got {}",
           torch::toString(type));
  }
}

}  // namespace

torch::Tensor to_torch(const Tensor& tensor) {
  torch::Tensor out = torch::empty(tensor.shape(), scalar_type(tensor.dtype()));
  if (tensor.size() > 0) std::memcpy(out.data_ptr(), tensor.bytes(), tensor.size_bytes());
  return out;
}

Tensor to_host(const torch::Tensor& tensor) {
  const torch::Tensor dense = tensor.detach().cpu().contiguous();
  Tensor out(host_type(dense.scalar_type()), dense.sizes().vec());
  if (out.size() > 0) std::memcpy(out.mutable_bytes(), dense.data_ptr(), out.size_bytes());
  return out;
}

}  // namespace quench::nn
