#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace quench {

/// Whether a name matches: exactly; as a prefix where the pattern ends in `.`; with `*` for any run of characters.
bool name_matches(std::string_view pattern, std::string_view name);

/// The names that any pattern matches. Throws Error{config} for a pattern that matches none, naming the nearest:
/// "`where`: 'x' matches no `what`".
std::set<std::string> select_names(const std::vector<std::string>& patterns, const std::vector<std::string>& names,
                                   std::string_view where, std::string_view what);

}  // namespace quench
