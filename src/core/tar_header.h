#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace quench {

/// Archives of tar (POSIX ustar) are made of such blocks: a header, then the bytes of its file, filled up with zeros.
inline constexpr size_t kTarBlock = 512;

struct TarHeader {
  std::string name;  ///< relative, and inside the archive's folder
  int64_t size = 0;  ///< bytes of the file, to 4 GiB
  char type = '0';   ///< '0' or '\0': a regular file; '5': a folder
  bool regular() const { return type == '0' || type == '\0'; }
};

/// The header in a block of kTarBlock bytes; nothing where it is all zeros: the archive's end. archive: names it in
/// messages. Throws Error{data} for a wrong checksum, a number that is none, a name that leaves the folder, and a size
/// beyond 4 GiB.
std::optional<TarHeader> read_tar_header(std::span<const char> block, std::string_view archive);

/// The header of a regular file. Throws Error{data} for a name of more than 100 bytes or a size of 8 GiB and more.
std::string make_tar_header(std::string_view name, int64_t size);

/// Zeros from the end of a file of that size to the next header.
inline size_t tar_padding(int64_t size) { return (kTarBlock - static_cast<size_t>(size) % kTarBlock) % kTarBlock; }

}  // namespace quench
