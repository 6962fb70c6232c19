#pragma once

#include <filesystem>
#include <string>

#include "sources/sources.h"

namespace quench::fetch {

/// 32 lower-case hex digits (RFC 1321; guards against damage, not against forgery). Throws Error{io}.
std::string md5_file(const std::filesystem::path& path);

/// Where the SHA-256 of a file is kept for which none is published: `target`.sha256, as sha256sum writes it.
std::filesystem::path kept_checksum(const std::filesystem::path& target);

/// Whether a checksum is known: published, or kept from the first download of `target`.
bool checksum_is_known(const sources::File& file, const std::filesystem::path& target);

/// What is wrong with `path`, which shall become `target`: another checksum than the published or the kept one, or,
/// where none is known, content that is no archive though its name says so (an HTML page). Empty: nothing.
/// Throws Error{io}.
std::string problem_of(const sources::File& file, const std::filesystem::path& path,
                       const std::filesystem::path& target);

/// Keeps the SHA-256 of `target` where none is known; returns it, or "" where one was known. Throws Error{io}.
std::string keep_checksum(const sources::File& file, const std::filesystem::path& target);

}  // namespace quench::fetch
