#include "weights/element.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "core/half.h"

namespace quench::weights {
namespace {

static_assert(std::endian::native == std::endian::little, "the files are little-endian and read in place");

constexpr size_t kMaxRank = 16;

/// Throws where the view cannot be read from `count` elements.
void check(const View& view, int64_t count, std::string_view where) {
  const auto wrong = [&](std::string_view why) {
    fail(ErrorKind::data, "[weights.element] expected a view inside its storage of {} elements, got {} ({})", count,
         why, where);
  };
  if (view.sizes.size() != view.strides.size() || view.sizes.size() > kMaxRank) wrong("sizes without strides");
  const std::optional<int64_t> elements = count_of(view.sizes);
  if (!elements || std::ranges::any_of(view.strides, [](int64_t stride) { return stride < 0; })) {
    wrong("a negative or too large size or stride");
  }
  if (view.offset < 0 || view.offset > count) wrong(fmt::format("offset {}", view.offset));
  if (*elements > count) wrong(fmt::format("{} elements", *elements));
  if (*elements == 0) return;
  int64_t last = view.offset;
  for (size_t i = 0; i < view.sizes.size(); ++i) {
    int64_t reach = 0;
    if (__builtin_mul_overflow(view.sizes[i] - 1, view.strides[i], &reach) ||
        __builtin_add_overflow(last, reach, &last)) {
      wrong("a stride that overflows");
    }
  }
  if (last >= count) wrong(fmt::format("element {}", last));
}

template <typename Raw, typename To, typename Convert>
Tensor gather(std::string_view bytes, const View& view, Convert convert) {
  Tensor out(DTypeOf<To>::value, view.sizes);
  const size_t rank = view.sizes.size();
  Shape strides = view.strides, index(rank, 0);
  for (size_t i = 0; i < rank; ++i) {
    if (view.sizes[i] == 1) strides[i] = 0;  // any number may stand there
  }
  int64_t at = view.offset;
  for (To& value : out.mutable_values<To>()) {
    Raw raw;
    std::memcpy(&raw, bytes.data() + static_cast<size_t>(at) * sizeof(Raw), sizeof(Raw));
    value = convert(raw);
    for (size_t i = rank; i-- > 0;) {
      at += strides[i];
      if (++index[i] < view.sizes[i]) break;
      at -= strides[i] * view.sizes[i];
      index[i] = 0;
    }
  }
  return out;
}

}  // namespace

size_t size_of(Element element) {
  switch (element) {
    case Element::boolean:
    case Element::u8:
    case Element::i8: return 1;
    case Element::f16:
    case Element::bf16:
    case Element::i16: return 2;
    case Element::f32:
    case Element::i32: return 4;
    case Element::f64:
    case Element::i64: return 8;
  }
  fail(ErrorKind::internal, "[weights.element] unknown element type");
}

DType dtype_of(Element element) {
  switch (element) {
    case Element::f16:
    case Element::bf16:
    case Element::f32:
    case Element::f64: return DType::f32;
    case Element::boolean:
    case Element::u8: return DType::u8;
    case Element::i8: return DType::i8;
    case Element::i16:
    case Element::i32: return DType::i32;
    case Element::i64: return DType::i64;
  }
  fail(ErrorKind::internal, "[weights.element] unknown element type");
}

std::optional<int64_t> count_of(const Shape& sizes) {
  int64_t count = 1;
  for (const int64_t size : sizes) {
    if (size < 0 || __builtin_mul_overflow(count, size, &count)) return std::nullopt;
  }
  return count;
}

View contiguous_view(Shape sizes) {
  View view{0, std::move(sizes), {}};
  view.strides.resize(view.sizes.size());
  int64_t stride = 1;
  for (size_t i = view.sizes.size(); i-- > 0;) {
    view.strides[i] = stride;
    if (__builtin_mul_overflow(stride, std::max<int64_t>(view.sizes[i], 1), &stride)) stride = 0;  // as will be found
  }
  return view;
}

Tensor read_elements(Element element, std::string_view bytes, const View& view, std::string_view where) {
  check(view, static_cast<int64_t>(bytes.size() / size_of(element)), where);
  const auto same = [](auto raw) { return raw; };
  switch (element) {
    case Element::f16: return gather<uint16_t, float>(bytes, view, float_from_half);
    case Element::bf16: return gather<uint16_t, float>(bytes, view, float_from_bfloat16);
    case Element::f32: return gather<float, float>(bytes, view, same);
    case Element::f64: return gather<double, float>(bytes, view, [](double raw) { return static_cast<float>(raw); });
    case Element::boolean: return gather<uint8_t, uint8_t>(bytes, view, [](uint8_t raw) { return uint8_t{raw != 0}; });
    case Element::u8: return gather<uint8_t, uint8_t>(bytes, view, same);
    case Element::i8: return gather<int8_t, int8_t>(bytes, view, same);
    case Element::i16: return gather<int16_t, int32_t>(bytes, view, same);
    case Element::i32: return gather<int32_t, int32_t>(bytes, view, same);
    case Element::i64: return gather<int64_t, int64_t>(bytes, view, same);
  }
  fail(ErrorKind::internal, "[weights.element] unknown element type");
}

}  // namespace quench::weights
