#pragma once

#include <filesystem>
#include <string_view>

#include "core/json.h"

namespace quench::config {

/// YAML text as JSON (YAML 1.2 core schema: plain true/false, null, integers and floats are typed; quoted scalars
/// stay text). Throws Error{config} naming `where` and the line for malformed text, bytes that are no UTF-8, duplicate
/// or non-text keys, nesting deeper than 64 or more than 100,000 nodes (alias bombs).
Json parse_yaml(std::string_view text, std::string_view where);

/// Reads a YAML (or JSON, which is YAML) file, in UTF-8 or UTF-16, with or without a byte order mark. Throws Error{io}
/// or Error{config}.
Json read_yaml(const std::filesystem::path& path);

}  // namespace quench::config
