#include "core/name_pattern.h"

#include "core/error.h"
#include "core/text.h"

namespace quench {
namespace {

bool glob(std::string_view pattern, std::string_view name) {  // linear time: falls back to the last star alone
  size_t p = 0, n = 0, star = std::string_view::npos, resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace

bool name_matches(std::string_view pattern, std::string_view name) {
  if (pattern.ends_with('.') && pattern.find('*') == std::string_view::npos) return name.starts_with(pattern);
  return glob(pattern, name);
}

std::set<std::string> select_names(const std::vector<std::string>& patterns, const std::vector<std::string>& names,
                                   std::string_view where, std::string_view what) {
  std::set<std::string> selected;
  for (const std::string& pattern : patterns) {
    bool found = false;
    for (const std::string& name : names) {
      if (!name_matches(pattern, name)) continue;
      selected.insert(name);
      found = true;
    }
    if (!found) {
      fail(ErrorKind::config, "{}: '{}' matches no {}{}", where, pattern, what, suggestion(pattern, names));
    }
  }
  return selected;
}

}  // namespace quench
