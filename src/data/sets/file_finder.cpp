#include "data/sets/file_finder.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "core/text.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path, bool folders) {
  std::error_code ignored;  // a name that is too long is no file
  return fs::is_regular_file(path, ignored) || (folders && fs::exists(path, ignored));
}

std::string with_slashes(std::string name) {
  std::ranges::replace(name, '\\', '/');
  return name;
}

/// `C:/data`, `//server/data`: no path of this machine.
bool begins_elsewhere(std::string_view name) {
  const bool drive = name.size() > 2 && std::isalpha(static_cast<unsigned char>(name[0])) && name[1] == ':';
  return drive || name.starts_with("//");
}

bool names_any_split(std::string_view name) {
  return names_split(name, "train") || names_split(name, "val") || names_split(name, "test");
}

/// The tails of a path, the longest first, each with what was taken off.
struct Tail {
  fs::path tail;
  std::string removed;
};
std::vector<Tail> tails_of(const std::string& name) {
  std::vector<Tail> tails;
  std::string_view rest = name;
  while (true) {
    const size_t slash = rest.find('/');
    if (slash == std::string_view::npos || names_any_split(rest.substr(0, slash))) return tails;
    rest.remove_prefix(slash + 1);
    if (rest.empty()) return tails;
    if (!rest.starts_with('/')) tails.push_back({rest, name.substr(0, name.size() - rest.size())});
  }
}

}  // namespace

bool is_hidden(const fs::path& path) { return is_hidden_name(path.filename().native()); }

bool is_hidden_name(std::string_view name) {
  static constexpr std::array<std::string_view, 5> left{"__MACOSX", "@eaDir", "$RECYCLE.BIN",
                                                        "System Volume Information", "lost+found"};
  return name.starts_with('.') || std::ranges::find(left, name) != left.end();
}

bool names_split(std::string_view name, std::string_view split) {
  const std::string said = lower(name);
  if (said == split) return true;
  if (split == "train") return said == "training";
  if (split == "val") return said == "valid" || said == "validation";
  return split == "test" && said == "testing";
}

fs::path folder_of_split(const fs::path& folder, std::string_view split) {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.is_directory(ignored) && names_split(entry.path().filename().string(), split)) {
      found.push_back(entry.path());
    }
  }
  // `train` before `Train`: the plain name where both are there.
  const auto exact = std::ranges::find_if(found, [&](const fs::path& path) { return path.filename() == split; });
  if (exact != found.end()) return *exact;
  return found.empty() ? fs::path() : *std::ranges::min_element(found);
}

FileFinder::FileFinder(std::vector<fs::path> places, Tails tails) : tails_(tails) {
  for (fs::path& place : places) {
    if (std::ranges::find(places_, place) == places_.end()) places_.push_back(std::move(place));
  }
}

fs::path FileFinder::at(const fs::path& name, bool folders) {
  for (size_t i = 0; i < places_.size(); ++i) {
    const size_t place = i == 0 ? last_ : i - (i <= last_);  // the one that had the file before goes first
    const fs::path path = places_[place] / name;
    if (!is_there(path, folders)) continue;
    last_ = place;
    return path.lexically_normal();
  }
  return {};
}

fs::path FileFinder::find(const std::string& name, bool folders) {
  if (fs::path found = at(name, folders); !found.empty()) return found;
  const std::string plain = with_slashes(name);
  if (plain != name) {
    if (fs::path found = at(plain, folders); !found.empty()) return found;
  }
  if (tails_ == Tails::of_absolute && !plain.starts_with('/') && !begins_elsewhere(plain)) return {};
  for (const Tail& tail : tails_of(plain)) {
    fs::path found = at(tail.tail, folders);
    if (found.empty()) continue;
    if (!folders && by_tail_.emplace(found, plain).first->second != plain) return {};
    if (note_.empty()) {
      note_ = fmt::format("{} is not here: its files are taken from {}", tail.removed, places_[last_].string());
    }
    return found;
  }
  return {};
}

std::string FileFinder::tail_of(const std::string& name) const {
  for (const Tail& tail : tails_of(with_slashes(name))) {
    const auto holds = [&](const fs::path& place) { return is_there(place / tail.tail, false); };
    if (std::ranges::any_of(places_, holds)) return tail.tail.string();
  }
  return {};
}

std::string FileFinder::places_text() const {
  std::vector<std::string> texts;
  for (const fs::path& place : places_) texts.push_back(place.string());
  return fmt::format("{}", fmt::join(texts, ", "));
}

}  // namespace quench::data
