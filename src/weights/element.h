#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/dtype.h"
#include "core/shape.h"
#include "core/tensor.h"

namespace quench::weights {

/// Element types of the files that we read; all little-endian.
enum class Element : uint8_t { f16, bf16, f32, f64, boolean, u8, i8, i16, i32, i64 };

/// Bytes of one element.
size_t size_of(Element element);

/// What an element is read as: f16, bf16, f32 and f64 as f32; boolean as u8; i16 as i32; others as themselves.
DType dtype_of(Element element);

/// Where a tensor's elements lie in a storage, in elements. May be any view without repeats: transposed, sliced.
struct View {
  int64_t offset = 0;
  Shape sizes;
  Shape strides;  ///< as many as sizes, not negative
};

/// Product of the sizes; none where one is negative or the product overflows.
std::optional<int64_t> count_of(const Shape& sizes);

/// The view at offset 0 whose elements lie in row-major order without holes.
View contiguous_view(Shape sizes);

/// The elements of a view as a row-major tensor of dtype_of(element); f64 is rounded to nearest.
/// Throws Error{data} naming `where` for a view that is malformed or leaves the bytes, or holds more elements than
/// they.
Tensor read_elements(Element element, std::string_view bytes, const View& view, std::string_view where);

}  // namespace quench::weights
