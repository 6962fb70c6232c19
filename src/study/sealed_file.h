#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace quench::study {

/// Files with their checksum beside them, in `<file>.sha256`, so that what a disk lost or changed is seen. A file
/// without one is not taken: nothing says that it is what was written.

/// Writes the checksum, then the file, each by rename: after a kill the file is whole or not there. Throws Error{io}.
void write_sealed(const std::filesystem::path& file, std::string_view bytes);

/// Whether the file is there, of the length that was written, with its checksum beside it. It is not opened.
bool seems_whole(const std::filesystem::path& file);

/// Whether the file's bytes have the checksum of when it was written. sha256: of the bytes as they were read.
bool is_as_written(const std::filesystem::path& file, const std::string& sha256);

}  // namespace quench::study
