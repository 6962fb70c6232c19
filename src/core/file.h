#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace quench {

/// Whole content. Throws Error{io} with the path and the system's reason.
std::string read_file(const std::filesystem::path& path);

/// Replaces the file as a whole or not at all: writes beside it, syncs, renames. A full disk or a
/// kill leaves the earlier content. Creates parent folders. Throws Error{io}.
void write_file(const std::filesystem::path& path, std::string_view content);

/// Appends `line` and '\n' in one write and syncs. Where the write comes out short (full disk), the file is cut
/// back to its earlier length, and Error{io} is thrown. An earlier torn last line (no '\n') is ended first.
void append_line(const std::filesystem::path& path, std::string_view line);

/// Throws Error{io} unless files can be made in `folder` (created where missing).
void require_writable(const std::filesystem::path& folder);

}  // namespace quench
