#include "data/sets/description.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"
#include "core/file.h"
#include "core/text.h"
#include "core/text_encoding.h"
#include "data/sets/file_finder.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

constexpr uintmax_t kLargestDescription = uintmax_t{16} << 20;

bool has_key(const std::string& text, std::initializer_list<const char*> keys) {
  return std::ranges::any_of(keys, [&](const char* key) {
    const std::string line = std::string(key) + ":";
    return text.starts_with(line) || text.find("\n" + line) != std::string::npos;
  });
}

bool describes_data(const fs::path& file) {
  std::error_code ignored;
  if (fs::file_size(file, ignored) > kLargestDescription) return false;
  const std::string text = decoded_text(read_file(file));
  return has_key(text, {"train", "val"}) && has_key(text, {"names", "nc"});
}

}  // namespace

fs::path description_of(const fs::path& folder, std::vector<std::string>& notes) {
  std::vector<fs::path> files;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string extension = lower(entry.path().extension().string());
    if ((extension != ".yaml" && extension != ".yml") || is_hidden(entry.path())) continue;
    const bool named = lower(entry.path().stem().string()) == "data";
    if (entry.is_regular_file(ignored) && (named || describes_data(entry.path()))) files.push_back(entry.path());
  }
  if (files.empty()) return {};
  std::ranges::sort(files);
  const auto named = std::ranges::find_if(files, [](const fs::path& f) { return lower(f.stem().string()) == "data"; });
  std::vector<std::string> names;
  for (const fs::path& file : files) names.push_back(file.filename().string());
  if (named == files.end() && files.size() > 1) {
    fail(ErrorKind::config,
         "[data.yolo] expected one file that describes the data, got {}: give the one that is meant "
         "instead of its folder ({})",
         fmt::join(names, ", "), folder.string());
  }
  const fs::path used = named == files.end() ? files.front() : *named;
  for (const fs::path& file : files) {
    if (file != used)
      notes.push_back(fmt::format("{} is used, {} beside it is not", used.string(), file.filename().string()));
  }
  return used;
}

}  // namespace quench::data
