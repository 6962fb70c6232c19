#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace quench {

/// Element types of host tensors.
enum class DType : uint8_t { f32, u8, i8, i32, i64 };

/// Bytes of one element.
size_t size_of(DType dtype);

/// "float32", "uint8", "int8", "int32", "int64".
const char* to_string(DType dtype);

/// Inverse of to_string. Throws Error{config} for another name.
DType dtype_from(std::string_view name);

/// Smallest and largest value of an integer type: [0,255] for u8. Throws Error{internal} for f32 and i64.
struct IntegerRange {
  int64_t min;
  int64_t max;
};
IntegerRange integer_range(DType dtype);

template <typename T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct DTypeOf<uint8_t> {
  static constexpr DType value = DType::u8;
};
template <>
struct DTypeOf<int8_t> {
  static constexpr DType value = DType::i8;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType value = DType::i32;
};
template <>
struct DTypeOf<int64_t> {
  static constexpr DType value = DType::i64;
};

}  // namespace quench
