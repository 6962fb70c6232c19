#pragma once

#include <string>
#include <string_view>

namespace quench {

/// The text of a file as UTF-8: a byte order mark is left out, and UTF-16 (with a mark, or of ASCII that begins without
/// one) becomes UTF-8; a half of a surrogate pair becomes U+FFFD. Other bytes stay as they are.
std::string decoded_text(std::string bytes);

/// The encoding that bytes probably have which are no UTF-8, as iconv calls it: SHIFT_JIS, GBK or LATIN1; empty for
/// UTF-8. A guess by byte ranges: two bytes a character, the first of them above 0x80, is GBK or Shift-JIS.
std::string probable_encoding(std::string_view bytes);

/// What a person is told of bytes that should be UTF-8: "the byte 0xc7 in line 3 (it may be GBK: `iconv -f GBK -t UTF-8
/// FILE > NEW` makes UTF-8 of it)". Empty where they are UTF-8.
std::string not_utf8(std::string_view bytes, std::string_view file);

}  // namespace quench
