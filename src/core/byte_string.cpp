#include "core/byte_string.h"

#include <bit>

#include "core/error.h"

namespace quench {

void ByteWriter::number(int64_t value) {
  // The sign as the lowest bit, so that small negative numbers are short too.
  uint64_t rest = (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
  for (; rest >= 0x80; rest >>= 7) bytes_.push_back(static_cast<char>(rest | 0x80));
  bytes_.push_back(static_cast<char>(rest));
}

void ByteWriter::fixed(uint64_t bits, int size) {
  for (int i = 0; i < size; ++i) bytes_.push_back(static_cast<char>(bits >> (8 * i)));
}

void ByteWriter::real(float value) { fixed(std::bit_cast<uint32_t>(value), 4); }
void ByteWriter::real(double value) { fixed(std::bit_cast<uint64_t>(value), 8); }

void ByteWriter::text(std::string_view value) {
  number(static_cast<int64_t>(value.size()));
  bytes_.append(value);
}

ByteReader::ByteReader(std::string_view bytes, std::string_view form) : rest_(bytes), form_(form) {
  if (text() != form)
    fail(ErrorKind::data, "[core.byte_string] expected '{}' of another process, got another form", form);
}

void ByteReader::fail_short() const {
  fail(ErrorKind::data, "[core.byte_string] expected more bytes of '{}', got their end", form_);
}

int64_t ByteReader::number() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (rest_.empty()) fail_short();
    const auto byte = static_cast<uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1));
  }
  fail(ErrorKind::data, "[core.byte_string] expected a number in '{}', got a longer one than there is", form_);
}

int64_t ByteReader::count() {
  const int64_t value = number();
  if (value < 0 || static_cast<uint64_t>(value) > rest_.size()) fail_short();
  return value;
}

uint64_t ByteReader::fixed(int size) {
  if (rest_.size() < static_cast<size_t>(size)) fail_short();
  uint64_t bits = 0;
  for (int i = 0; i < size; ++i)
    bits |= static_cast<uint64_t>(static_cast<uint8_t>(rest_[static_cast<size_t>(i)])) << (8 * i);
  rest_.remove_prefix(static_cast<size_t>(size));
  return bits;
}

float ByteReader::real_float() { return std::bit_cast<float>(static_cast<uint32_t>(fixed(4))); }
double ByteReader::real_double() { return std::bit_cast<double>(fixed(8)); }

std::string ByteReader::text() {
  const auto size = static_cast<size_t>(count());
  std::string out(rest_.substr(0, size));
  rest_.remove_prefix(size);
  return out;
}

}  // namespace quench
