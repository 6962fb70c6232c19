#include "data/index/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cstring>

#include "core/error.h"

namespace quench::data {

MappedFile::MappedFile(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  struct stat info {};
  if (::fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0) {
    void* at = ::mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED) bytes_ = {static_cast<const char*>(at), static_cast<size_t>(info.st_size)};
  }
  ::close(fd);
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

uint64_t crc_of(std::span<const char> bytes, uint64_t before) {
  return crc32_z(before, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
}

KeptHeader header_of(const char* magic, std::span<const char> payload) {
  KeptHeader header;
  std::strncpy(header.magic, magic, sizeof header.magic - 1);
  header.size = payload.size();
  header.checksum = crc_of(payload);
  return header;
}

std::span<const char> payload_of(std::span<const char> bytes, const char* magic) {
  KeptHeader header;
  if (bytes.size() < sizeof header) fail(ErrorKind::data, "[data.index] expected a header, got {} bytes", bytes.size());
  std::memcpy(&header, bytes.data(), sizeof header);
  if (std::strncmp(header.magic, magic, sizeof header.magic) != 0 || header.order != KeptHeader().order) return {};
  const std::span<const char> payload = bytes.subspan(sizeof header);
  if (header.size != payload.size()) {
    fail(ErrorKind::data, "[data.index] expected {} bytes, got {}", header.size, payload.size());
  }
  if (crc_of(payload) != header.checksum)
    fail(ErrorKind::data, "[data.index] expected other bytes: the checksum differs");
  return payload;
}

}  // namespace quench::data
