#pragma once

#include <charconv>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace quench::weights::pickle {

/// The bytes of a pickle, read from front to end, with the bounds that hold for what they make (kMaxBytes, kMaxSteps).
/// All errors name `where` and the offset of the instruction that runs.
class Input {
 public:
  Input(std::string_view bytes, std::string_view where);

  /// The code of the next instruction, which errors name from here on.
  unsigned char next_instruction();

  /// Throws Error{data}.
  [[noreturn]] void wrong(std::string_view expected, std::string_view got) const;
  /// Throws Error{data} for a name that may not stand in a pickle (Trust::refused).
  [[noreturn]] void refuse(std::string_view module, std::string_view name) const;
  /// Throws Error{unsupported}.
  [[noreturn]] void unsupported(std::string_view expected, std::string_view got) const;

  /// Counts steps; throws Error{data} beyond kMaxSteps of them.
  void charge(size_t steps);

  /// The next `size` bytes; throws Error{data} where fewer are left.
  std::string_view take(uint64_t size);
  /// The next little-endian number.
  template <typename T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  /// What stands before the next line feed, which is read too.
  std::string_view line();

  /// A decimal number that fills a text.
  template <typename T>
  T decimal(std::string_view text) const {
    T value{};
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || end != text.data() + text.size()) wrong_number(text);
    return value;
  }
  /// A text of protocol 0, which escapes what is not ASCII: that is refused as unsupported.
  std::string plain(std::string_view text) const;

 private:
  [[noreturn]] void wrong_number(std::string_view text) const;

  std::string_view bytes_;
  std::string_view where_;
  size_t at_ = 0;
  size_t begin_ = 0;  // of the instruction that runs
  int64_t steps_ = 0;
};

}  // namespace quench::weights::pickle
