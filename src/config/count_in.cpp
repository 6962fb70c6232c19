#include "config/count_in.h"

#include <charconv>

#include "core/error.h"

namespace quench::config {

int64_t count_in(const std::string& text, int64_t least, std::string_view where) {
  int64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || value < least) {
    fail(ErrorKind::config, "{}: expected whole numbers of {} or more, got '{}'", where, least, text);
  }
  return value;
}

}  // namespace quench::config
