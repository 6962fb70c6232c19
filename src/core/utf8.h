#pragma once

#include <cstddef>
#include <string_view>

namespace quench {

/// Bytes of the character that `text` begins with; 0 where it is empty, or begins with bytes that are no UTF-8
/// (overlong forms, surrogates and numbers beyond U+10FFFF are none: Unicode 15, table 3-7).
size_t utf8_character(std::string_view text);

/// Bytes of `text` up to the first that is no UTF-8; its size where all is.
size_t utf8_prefix(std::string_view text);

}  // namespace quench
