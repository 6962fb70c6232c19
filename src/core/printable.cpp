#include "core/printable.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "core/utf8.h"

namespace quench {
namespace {

/// A character's number, from its two or three bytes.
unsigned code_point(std::string_view character) {
  unsigned value = static_cast<unsigned char>(character[0]) & (character.size() == 2 ? 0x1fu : 0x0fu);
  for (const char c : character.substr(1)) value = value << 6 | (static_cast<unsigned char>(c) & 0x3fu);
  return value;
}

bool is_harmful(unsigned code) {
  return (code >= 0x80 && code <= 0x9f) ||      // C1: U+009B begins a control sequence as ESC [ does
         (code >= 0x2028 && code <= 0x202e) ||  // separators of lines, and the direction of writing
         (code >= 0x2066 && code <= 0x2069) || code == 0x200e || code == 0x200f || code == 0x061c;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t length = utf8_character(text);
    const std::string_view character = text.substr(0, std::max<size_t>(length, 1));
    const auto first = static_cast<unsigned char>(text.front());
    const bool is_control = (first < 0x20 && first != '\n' && first != '\t') || first == 0x7f;
    if (length == 0 || is_control) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", first);
    } else if ((length == 2 || length == 3) && is_harmful(code_point(character))) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", code_point(character));
    } else {
      out += character;
    }
    text.remove_prefix(character.size());
  }
  return out;
}

std::string printable_line(std::string_view text) {
  std::string out(text);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
  return printable(out);
}

}  // namespace quench
