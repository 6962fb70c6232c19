#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace quench {

/// Writes values one behind another into a string of bytes, for another process of this program: what ByteReader reads
/// in the same order is equal to the last bit. Integers take as few bytes as they need (LEB128), floats and doubles
/// their four or eight, lowest byte first, on every machine.
class ByteWriter {
 public:
  /// form: what the bytes are, with a number that changes when their form does ("answers 1").
  explicit ByteWriter(std::string_view form) { text(form); }

  void number(int64_t value);
  void real(float value);
  void real(double value);
  void text(std::string_view value);
  const std::string& bytes() const { return bytes_; }
  std::string take() { return std::move(bytes_); }

 private:
  void fixed(uint64_t bits, int size);

  std::string bytes_;
};

/// Reads what a ByteWriter wrote. Every function throws Error{data} where the bytes end too early.
class ByteReader {
 public:
  /// bytes must outlive this. Throws Error{data} for bytes of another form.
  ByteReader(std::string_view bytes, std::string_view form);

  int64_t number();
  /// A number of things that follow, each of which takes a byte or more. Throws Error{data} where they cannot be there.
  int64_t count();
  float real_float();
  double real_double();
  std::string text();
  bool at_end() const { return rest_.empty(); }

 private:
  uint64_t fixed(int size);
  [[noreturn]] void fail_short() const;

  std::string_view rest_;
  std::string form_;
};

}  // namespace quench
