#pragma once

namespace quench {
/// Throws Error{internal}: what the JSON library takes for granted does not hold, such as the key of `constant["key"]`.
[[noreturn]] void fail_json(const char* condition);
}  // namespace quench

// Without this such a key is read from where there is nothing, in a build for release.
#define JSON_ASSERT(condition) static_cast<void>((condition) || (::quench::fail_json(#condition), false))

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#undef JSON_ASSERT

namespace quench {

/// JSON value that keeps the order of its keys.
using Json = nlohmann::ordered_json;

/// Parses text. Throws Error{data} that names `where` and the byte offset; also for more than 256 levels of nesting.
Json parse_json(std::string_view text, std::string_view where);

/// The same for text that may well be another thing: nothing where it is no JSON, or nests deeper.
std::optional<Json> try_parse_json(std::string_view text);

/// Reads and parses a file. Throws Error{io} or Error{data}.
Json read_json(const std::filesystem::path& path);

/// Keys sorted, no spaces: equal values give equal text. For hashing. Throws Error{data} for what is no UTF-8.
std::string canonical_text(const Json& value);

}  // namespace quench
