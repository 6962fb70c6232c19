#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace quench::data {

/// Throws Error{io}: the set `name` is in none of `places`, and `how` gets it.
[[noreturn]] void fail_missing(const std::string& name, const std::vector<std::filesystem::path>& places,
                               const std::string& how);

}  // namespace quench::data
