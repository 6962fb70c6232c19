#pragma once

#include <string>
#include <string_view>

namespace quench {

/// Text from elsewhere (a device's message, a file's name, a record) that does nothing to a terminal but show: control
/// characters, ESC and DEL among them, become "\x1b"; those beyond ASCII (U+0080 to U+009F) and those that turn the
/// direction of writing become "\u202e"; bytes that are no UTF-8 become "\xff". Line breaks and tabs stay.
std::string printable(std::string_view text);

/// The same on one line: line breaks and tabs become blanks. For progress and for cells of tables.
std::string printable_line(std::string_view text);

}  // namespace quench
