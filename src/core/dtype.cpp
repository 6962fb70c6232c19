#include "core/dtype.h"

#include "core/error.h"

namespace quench {

size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
    case DType::i32: return 4;
    case DType::u8:
    case DType::i8: return 1;
    case DType::i64: return 8;
  }
  fail(ErrorKind::internal, "[core] unknown dtype {}", static_cast<int>(dtype));
}

const char* to_string(DType dtype) {
  switch (dtype) {
    case DType::f32: return "float32";
    case DType::u8: return "uint8";
    case DType::i8: return "int8";
    case DType::i32: return "int32";
    case DType::i64: return "int64";
  }
  return "unknown";
}

DType dtype_from(std::string_view name) {
  for (DType dtype : {DType::f32, DType::u8, DType::i8, DType::i32, DType::i64}) {
    if (name == to_string(dtype)) return dtype;
  }
  fail(ErrorKind::config, "[core] expected a dtype (float32, uint8, int8, int32, int64), got '{}'", name);
}

IntegerRange integer_range(DType dtype) {
  switch (dtype) {
    case DType::u8: return {0, 255};
    case DType::i8: return {-128, 127};
    case DType::i32: return {INT32_MIN, INT32_MAX};
    default: fail(ErrorKind::internal, "[core] {} has no quantized range", to_string(dtype));
  }
}

}  // namespace quench
