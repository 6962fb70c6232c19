#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>

namespace quench {

/// JSON value that keeps the order of its keys.
using Json = nlohmann::ordered_json;

/// Parses text. Throws Error{data} that names `where` and the byte offset.
Json parse_json(std::string_view text, std::string_view where);

/// Reads and parses a file. Throws Error{io} or Error{data}.
Json read_json(const std::filesystem::path& path);

/// Keys sorted, no spaces: equal values give equal text. For hashing.
std::string canonical_text(const Json& value);

}  // namespace quench
