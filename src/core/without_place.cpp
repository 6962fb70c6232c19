#include "core/without_place.h"

namespace quench {

std::string without_place(std::string_view message) {
  constexpr std::string_view kEnd = "] ";
  const size_t end = message.find(kEnd);
  if (!message.starts_with('[') || end == std::string_view::npos) return std::string(message);
  for (const char c : message.substr(1, end - 1)) {
    if (c != '.' && c != '_' && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')) return std::string(message);
  }
  return std::string(message.substr(end + kEnd.size()));
}

}  // namespace quench
