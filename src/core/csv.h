#pragma once

#include <string>
#include <string_view>

namespace quench {

/// Text as a cell of a CSV file (RFC 4180): quoted where it holds a comma, a quote or a line break, and printable()
/// otherwise. Text that a spreadsheet would take for a formula (it begins with = + - @ or a tab, and is no number, also
/// with a % behind it) gets an apostrophe before it, which spreadsheets read as "this is text" (OWASP, CSV injection).
std::string csv_cell(std::string_view text);

}  // namespace quench
