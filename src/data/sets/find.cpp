#include "data/sets/find.h"

#include <algorithm>

#include "data/sets/catalog.h"
#include "sources/sources.h"

namespace quench::data {

namespace fs = std::filesystem;

fs::path root_of(const Json& options, const fs::path& fallback) {
  const auto found = options.find("data_root");
  return found != options.end() && found->is_string() ? fs::path(found->get<std::string>()) : fallback;
}

namespace {

bool is_built_in(const std::string& name) {
  const std::vector<std::string> names = built_in_names();
  return std::ranges::find(names, name.substr(0, name.find(':'))) != names.end();
}

}  // namespace

fs::path find_file(const std::string& name, const fs::path& root) {
  std::error_code ignored;
  if (is_built_in(name)) return name;  // its own places are looked at by `open`
  if (!fs::exists(name, ignored) && fs::exists(root / name, ignored)) return root / name;
  if (const sources::Source* weights = sources::weights_named(name); weights && !fs::exists(name, ignored)) {
    if (const fs::path fetched = sources::weights_file(*weights, root); fs::exists(fetched, ignored)) return fetched;
  }
  return name;
}

}  // namespace quench::data
