#include <fmt/format.h>

#include <algorithm>

#include "sources/sources.h"

namespace quench::sources {

const Source* find(std::string_view name, Kind kind) {
  const auto found =
      std::ranges::find_if(table(), [&](const Source& source) { return source.name == name && source.kind == kind; });
  return found == table().end() ? nullptr : &*found;
}

std::vector<std::string> names(Kind kind) {
  std::vector<std::string> out;
  for (const Source& source : table()) {
    if (source.kind == kind) out.push_back(source.name);
  }
  return out;
}

std::string command(const Source& source) {
  return (source.kind == Kind::weights ? "quench fetch " : "quench data fetch ") + source.name;
}

std::filesystem::path weights_file(const Source& weights, const std::filesystem::path& root) {
  return root / weights.place / weights.files.front().name;
}

const Source* weights_named(std::string_view name_or_file) {
  if (name_or_file.ends_with(".pt")) name_or_file.remove_suffix(3);
  return find(name_or_file, Kind::weights);
}

std::string how_to_get(std::string_view name_or_file, const std::filesystem::path& root) {
  const Source* weights = weights_named(name_or_file);
  if (!weights) return "";
  return fmt::format("; `{}` downloads it (by hand: put it at {})", command(*weights),
                     weights_file(*weights, root).string());
}

}  // namespace quench::sources
