#include "data/shards/shard_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "data/index/mapped_file.h"

namespace quench::data {
namespace {

namespace fs = std::filesystem;

struct ShardHeader {
  char magic[16] = "quench shard 1\n";
  uint64_t order = 0x0102030405060708;
  char key[32] = {};  ///< the first half of the set's
  uint64_t first = 0;
};
static_assert(sizeof(ShardHeader) == 64);

/// The last bytes of a shard.
struct ShardEnd {
  uint64_t count = 0, table = 0;  ///< samples, and where their table lies
  uint64_t checksum = 0;          ///< of the table
  char magic[16] = "quench shard e\n";
};
static_assert(sizeof(ShardEnd) == 40);

template <typename T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string_view bytes_of(const std::vector<SampleEntry>& table) {
  return {reinterpret_cast<const char*>(table.data()), table.size() * sizeof(SampleEntry)};
}

ShardHeader header_for(const std::string& key, uint64_t first) {
  ensure(key.size() == 64, "[data.shards] expected a key of 64 digits, got {}", key.size());
  ShardHeader header;
  std::memcpy(header.key, key.data(), sizeof header.key);
  header.first = first;
  return header;
}

}  // namespace

ShardWriter::ShardWriter(const fs::path& path, const std::string& key, uint64_t first) : file_(path) {
  table_.first = first;
  write(bytes_of(header_for(key, first)));
}

void ShardWriter::write(std::string_view bytes) {
  file_.write(bytes);
  hash_.update(bytes);
  offset_ += bytes.size();
}

void ShardWriter::add(std::string_view bytes) {
  if (bytes.size() > UINT32_MAX) {
    fail(ErrorKind::data, "[data.shards] expected a picture of at most 4 GB, got {} bytes", bytes.size());
  }
  table_.samples.push_back(
      {offset_, static_cast<uint32_t>(bytes.size()), static_cast<uint32_t>(crc_of({bytes.data(), bytes.size()}))});
  write(bytes);
}

std::string ShardWriter::finish() {
  ShardEnd end;
  end.count = table_.samples.size();
  end.table = offset_;
  const std::string_view table = bytes_of(table_.samples);
  end.checksum = crc_of({table.data(), table.size()});
  write(table);
  write(bytes_of(end));
  file_.commit();
  return hash_.hex();
}

std::optional<ShardTable> read_shard_table(const fs::path& path, const std::string& key) {
  const InputFile file(path);
  ShardHeader header;
  ShardEnd end;
  const auto size = static_cast<uint64_t>(file.size());
  if (size < sizeof header + sizeof end) return std::nullopt;
  if (!file.read(0, std::as_writable_bytes(std::span(&header, 1)))) return std::nullopt;
  if (!file.read(static_cast<int64_t>(size - sizeof end), std::as_writable_bytes(std::span(&end, 1))))
    return std::nullopt;
  const ShardHeader wanted = header_for(key, header.first);
  const ShardEnd known;
  if (std::memcmp(&header, &wanted, sizeof header) != 0) return std::nullopt;
  if (std::memcmp(end.magic, known.magic, sizeof end.magic) != 0) return std::nullopt;
  if (end.table > size - sizeof end || (size - sizeof end - end.table) != end.count * sizeof(SampleEntry)) {
    return std::nullopt;
  }
  ShardTable out{header.first, std::vector<SampleEntry>(static_cast<size_t>(end.count))};
  if (!file.read(static_cast<int64_t>(end.table), std::as_writable_bytes(std::span(out.samples)))) return std::nullopt;
  const std::string_view table = bytes_of(out.samples);
  if (crc_of({table.data(), table.size()}) != end.checksum) return std::nullopt;
  return out;
}

ShardReader::ShardReader(const fs::path& path, bool in_order) : path_(path) {
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) {
    const int code = errno;
    fail(ErrorKind::io, "[data.shards] cannot open {}: {}", path.string(), std::strerror(code));
  }
  if (in_order) ::posix_fadvise(descriptor_, 0, 0, POSIX_FADV_WILLNEED);
}

ShardReader::~ShardReader() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::string ShardReader::read(const SampleEntry& entry, const std::string& what) const {
  std::string bytes(entry.length, '\0');
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t got =
        ::pread(descriptor_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(entry.offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int code = errno;
      fail(ErrorKind::io, "[data.shards] cannot read {}: {}", path_.string(), std::strerror(code));
    }
    if (got == 0) {
      fail(ErrorKind::data, "[data.shards] expected {} bytes at {}, got {}: the shard is cut ({}, {})", entry.length,
           entry.offset, done, path_.string(), what);
    }
    done += static_cast<size_t>(got);
  }
  if (crc_of({bytes.data(), bytes.size()}) != entry.checksum) {
    fail(ErrorKind::data, "[data.shards] expected other bytes: the checksum differs ({}, {})", path_.string(), what);
  }
  return bytes;
}

}  // namespace quench::data
