#pragma once

#include <filesystem>
#include <span>

namespace quench::data {

/// A file in memory as long as this lives, shared with every process that maps it. Written files are replaced by
/// renaming, never in place.
class MappedFile {
 public:
  /// bytes() are empty where it cannot be mapped.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::span<const char> bytes() const { return bytes_; }

 private:
  std::span<const char> bytes_;
};

/// What begins a file that is kept: what it is, how long, its checksum (CRC-32). 40 bytes.
struct KeptHeader {
  char magic[16] = {};
  uint64_t order = 0x0102030405060708;
  uint64_t size = 0;
  uint64_t checksum = 0;
};
static_assert(sizeof(KeptHeader) == 40);

uint64_t crc_of(std::span<const char> bytes, uint64_t before = 0);

/// Header of such bytes. magic: of at most 15 characters.
KeptHeader header_of(const char* magic, std::span<const char> payload);

/// What follows the header. Empty where the file is another program's or version's; throws Error{data} for damage.
std::span<const char> payload_of(std::span<const char> bytes, const char* magic);

}  // namespace quench::data
