#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace quench {

/// Whether bytes begin as a gzip stream (RFC 1952).
bool is_gzip(std::string_view bytes);

/// The content of a gzip stream, of one member or several. Throws Error{data} naming `where` for a damaged or
/// truncated stream, and for content above `limit_bytes` (a small file may claim to be a huge one).
std::string gunzip(std::string_view bytes, std::string_view where, size_t limit_bytes = size_t{1} << 31);

/// One gzip member without name and time: equal content gives equal bytes.
std::string gzip(std::string_view content);

}  // namespace quench
