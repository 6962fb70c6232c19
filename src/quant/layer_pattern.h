#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace quench::quant {

/// Whether a name matches: exactly; as a prefix where the pattern ends in `.`; with `*` for any run of characters.
bool matches(std::string_view pattern, std::string_view name);

/// The names that any pattern matches. Throws Error{config} for a pattern that matches none, naming the nearest and the
/// setting that it stands in.
std::set<std::string> select_layers(const std::vector<std::string>& patterns, const std::vector<std::string>& names,
                                    std::string_view setting);

}  // namespace quench::quant
