#include "platform/sysfs.h"

#include <algorithm>
#include <charconv>

#include "core/error.h"
#include "core/file.h"

namespace quench::platform {

namespace fs = std::filesystem;

std::string read_text(const fs::path& path) {
  try {
    const std::string content = read_file(path);
    const auto blank = std::string_view(" \t\r\n\0", 5);
    const size_t first = content.find_first_not_of(blank);
    return first == std::string::npos ? "" : content.substr(first, content.find_last_not_of(blank) - first + 1);
  } catch (const Error&) {
    return "";
  }
}

std::optional<int64_t> read_integer(const fs::path& path, int base) {
  const std::string text = read_text(path);
  int64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<fs::path> entries(const fs::path& folder, std::string_view prefix) {
  std::vector<fs::path> found;
  std::error_code code;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code)) {
    if (entry->path().filename().string().starts_with(prefix)) found.push_back(entry->path());
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace quench::platform
