#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quench::platform {

// Linux's small text files under /sys and /proc. Nothing here throws: what cannot be read is missing.

/// Content without surrounding white space and zero bytes (device trees end texts so); empty where unreadable.
std::string read_text(const std::filesystem::path& path);

/// A whole number that is all of the file's text, in the given base; none for anything else.
std::optional<int64_t> read_integer(const std::filesystem::path& path, int base = 10);

/// Entries of a folder whose names begin with `prefix`, sorted by name; none where the folder cannot be read.
std::vector<std::filesystem::path> entries(const std::filesystem::path& folder, std::string_view prefix = "");

}  // namespace quench::platform
