#include "core/csv.h"

#include <charconv>

#include "core/printable.h"

namespace quench {
namespace {

bool is_number(std::string_view text) {
  if (text.ends_with('%')) text.remove_suffix(1);
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code != std::errc::invalid_argument && end == text.data() + text.size();
}

/// A sign alone, as tables show for "nothing", is harmless.
bool is_formula(std::string_view text) {
  constexpr std::string_view kStarts = "=+-@\t\r";
  return text.size() > 1 && kStarts.find(text.front()) != std::string_view::npos && !is_number(text);
}

/// printable(), but for the other form of a line break, which a file of CSV may hold.
std::string shown_text(std::string_view text) {
  std::string out;
  for (size_t end; (end = text.find("\r\n")) != std::string_view::npos; text.remove_prefix(end + 2)) {
    out += printable(text.substr(0, end)) + "\r\n";
  }
  return out + printable(text);
}

}  // namespace

std::string csv_cell(std::string_view text) {
  const std::string shown = (is_formula(text) ? "'" : "") + shown_text(text);
  if (shown.find_first_of(",\"\n") == std::string::npos) return shown;
  std::string quoted = "\"";
  for (const char c : shown) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

}  // namespace quench
