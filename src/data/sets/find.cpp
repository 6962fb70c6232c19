#include "data/sets/find.h"

namespace quench::data {

namespace fs = std::filesystem;

fs::path root_of(const Json& options, const fs::path& fallback) {
  return options["data_root"].is_string() ? fs::path(options["data_root"].get<std::string>()) : fallback;
}

fs::path find_file(const std::string& name, const fs::path& root) {
  std::error_code ignored;
  if (!fs::exists(name, ignored) && fs::exists(root / name, ignored)) return root / name;
  return name;
}

}  // namespace quench::data
