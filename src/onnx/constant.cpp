#include "onnx/constant.h"

#include <charconv>
#include <cstring>
#include <limits>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "core/half.h"

namespace quench::onnx {
namespace {

namespace fs = std::filesystem;
using quench_onnx::TensorProto;

[[noreturn]] void wrong_constant(const TensorProto& proto, const std::string& expected, const std::string& got) {
  fail(ErrorKind::data, "[onnx] expected {}, got {} (constant {})", expected, got, proto.name());
}

size_t bytes_of(const TensorProto& proto) {
  switch (proto.data_type()) {
    case TensorProto::BOOL:
    case TensorProto::UINT8:
    case TensorProto::INT8: return 1;
    case TensorProto::FLOAT16:
    case TensorProto::BFLOAT16:
    case TensorProto::UINT16:
    case TensorProto::INT16: return 2;
    case TensorProto::FLOAT:
    case TensorProto::INT32:
    case TensorProto::UINT32: return 4;
    case TensorProto::DOUBLE:
    case TensorProto::INT64:
    case TensorProto::UINT64: return 8;
    default: wrong_constant(proto, "numbers", fmt::format("ONNX type {}", proto.data_type()));
  }
}

int64_t number(const TensorProto& proto, const std::string& text) {
  int64_t value = -1;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || value < 0)
    wrong_constant(proto, "a number of bytes", text);
  return value;
}

std::string external_bytes(const TensorProto& proto, size_t size, const fs::path& folder) {
  if (folder.empty()) wrong_constant(proto, "values inside the file", "external data");
  std::string location;
  int64_t offset = 0, length = static_cast<int64_t>(size);
  for (const auto& entry : proto.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") offset = number(proto, entry.value());
    if (entry.key() == "length") length = number(proto, entry.value());
  }
  const fs::path path = fs::path(location).lexically_normal();
  if (location.empty() || path.is_absolute() || *path.begin() == "..") {
    wrong_constant(proto, "external data beside the model", "'" + location + "'");
  }
  if (length != static_cast<int64_t>(size)) {
    wrong_constant(proto, fmt::format("external data of {} bytes", size), std::to_string(length));
  }
  std::error_code ignored;
  const fs::path whole = fs::weakly_canonical(folder / path, ignored);
  const fs::path inside = whole.lexically_relative(fs::weakly_canonical(folder, ignored));
  if (inside.empty() || *inside.begin() == "..")
    wrong_constant(proto, "external data beside the model", whole.string());
  if (!fs::is_regular_file(whole, ignored)) {
    fail(ErrorKind::data,
         "[onnx] expected the weights in {} beside the model, as it says, got no such file: both files belong together "
         "(constant {})",
         (folder / path).string(), proto.name());
  }
  const InputFile file(whole);
  std::string bytes;
  if (length > file.size())
    wrong_constant(proto, fmt::format("{} bytes", length), fmt::format("a file of {}", file.size()));
  bytes.resize(size);
  if (!file.read(offset, std::as_writable_bytes(std::span(bytes)))) {
    wrong_constant(proto, fmt::format("{} bytes at {} of {}", size, offset, path.string()),
                   fmt::format("a file of {}", file.size()));
  }
  return bytes;
}

template <typename Raw, typename To, typename Convert>
Tensor converted(const char* bytes, const Shape& shape, Convert convert) {
  Tensor out(DTypeOf<To>::value, shape);
  for (To& value : out.mutable_values<To>()) {
    Raw raw;
    std::memcpy(&raw, bytes, sizeof(Raw));
    value = convert(raw);
    bytes += sizeof(Raw);
  }
  return out;
}

template <typename Raw>
Tensor whole_numbers(const char* bytes, const Shape& shape) {
  return converted<Raw, int64_t>(bytes, shape, [](Raw raw) { return static_cast<int64_t>(raw); });
}

Tensor from_bytes(const TensorProto& proto, const char* bytes, const Shape& shape) {
  switch (proto.data_type()) {
    case TensorProto::FLOAT: return converted<float, float>(bytes, shape, [](float raw) { return raw; });
    case TensorProto::DOUBLE:
      return converted<double, float>(bytes, shape, [](double raw) { return static_cast<float>(raw); });
    case TensorProto::FLOAT16: return converted<uint16_t, float>(bytes, shape, float_from_half);
    case TensorProto::BFLOAT16: return converted<uint16_t, float>(bytes, shape, float_from_bfloat16);
    case TensorProto::BOOL:
    case TensorProto::UINT8: return whole_numbers<uint8_t>(bytes, shape);
    case TensorProto::INT8: return whole_numbers<int8_t>(bytes, shape);
    case TensorProto::UINT16: return whole_numbers<uint16_t>(bytes, shape);
    case TensorProto::INT16: return whole_numbers<int16_t>(bytes, shape);
    case TensorProto::INT32: return whole_numbers<int32_t>(bytes, shape);
    case TensorProto::UINT32: return whole_numbers<uint32_t>(bytes, shape);
    default: return whole_numbers<int64_t>(bytes, shape);
  }
}

template <typename To, typename Field, typename Convert>
Tensor from_field(const TensorProto& proto, const Field& field, const Shape& shape, uint64_t count, Convert convert) {
  if (static_cast<uint64_t>(field.size()) != count) {
    wrong_constant(proto, fmt::format("{} values", count), std::to_string(field.size()));
  }
  Tensor out(DTypeOf<To>::value, shape);
  To* to = out.mutable_values<To>().data();
  for (const auto value : field) *to++ = convert(value);
  return out;
}

Tensor from_fields(const TensorProto& proto, const Shape& shape, uint64_t count) {
  const auto to_float = [](auto value) { return static_cast<float>(value); };
  const auto to_integer = [](auto value) { return static_cast<int64_t>(value); };
  switch (proto.data_type()) {
    case TensorProto::FLOAT: return from_field<float>(proto, proto.float_data(), shape, count, to_float);
    case TensorProto::DOUBLE: return from_field<float>(proto, proto.double_data(), shape, count, to_float);
    case TensorProto::INT64: return from_field<int64_t>(proto, proto.int64_data(), shape, count, to_integer);
    case TensorProto::UINT32:
    case TensorProto::UINT64: return from_field<int64_t>(proto, proto.uint64_data(), shape, count, to_integer);
    case TensorProto::FLOAT16:
      return from_field<float>(proto, proto.int32_data(), shape, count,
                               [](int32_t bits) { return float_from_half(static_cast<uint16_t>(bits)); });
    case TensorProto::BFLOAT16:
      return from_field<float>(proto, proto.int32_data(), shape, count,
                               [](int32_t bits) { return float_from_bfloat16(static_cast<uint16_t>(bits)); });
    default: return from_field<int64_t>(proto, proto.int32_data(), shape, count, to_integer);
  }
}

}  // namespace

Tensor read_constant(const TensorProto& proto, const fs::path& folder) {
  const Shape shape(proto.dims().begin(), proto.dims().end());
  const auto count = static_cast<uint64_t>(element_count(shape));
  const size_t each = bytes_of(proto);
  if (count > std::numeric_limits<uint64_t>::max() / each)
    wrong_constant(proto, "values that fit memory", to_string(shape));
  if (proto.has_segment()) wrong_constant(proto, "whole values", "a segment");
  if (proto.data_location() == TensorProto::EXTERNAL) {
    if (count * each > uint64_t{1} << 33) wrong_constant(proto, "at most 8 GiB", to_string(shape));
    return from_bytes(proto, external_bytes(proto, count * each, folder).data(), shape);
  }
  if (!proto.has_raw_data()) return from_fields(proto, shape, count);
  if (proto.raw_data().size() != count * each) {
    wrong_constant(proto, fmt::format("{} bytes for {}", count * each, to_string(shape)),
                   std::to_string(proto.raw_data().size()));
  }
  return from_bytes(proto, proto.raw_data().data(), shape);
}

}  // namespace quench::onnx
