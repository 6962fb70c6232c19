#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/hash.h"

namespace quench::data {

/// Where a sample lies in its shard, and the CRC-32 of its bytes.
struct SampleEntry {
  uint64_t offset = 0;
  uint32_t length = 0;
  uint32_t checksum = 0;
  bool operator==(const SampleEntry&) const = default;
};
static_assert(sizeof(SampleEntry) == 16);

/// What a shard says of itself, at its end: whose samples, from which on.
struct ShardTable {
  uint64_t first = 0;  ///< number in the split
  std::vector<SampleEntry> samples;
};

/// Writes a shard: a header of 64 bytes, samples one after another, their table, where it lies. The file is there as a
/// whole or not at all. All throw Error{io}.
class ShardWriter {
 public:
  /// key: 64 hex digits, of the set and the way it is packed; two of one key hold the same.
  ShardWriter(const std::filesystem::path& path, const std::string& key, uint64_t first);
  void add(std::string_view bytes);
  uint64_t size_bytes() const { return offset_; }
  const std::vector<SampleEntry>& samples() const { return table_.samples; }
  /// The SHA-256 of the whole file.
  std::string finish();

 private:
  void write(std::string_view bytes);

  NewFile file_;
  Sha256 hash_;
  ShardTable table_;
  uint64_t offset_ = 0;
};

/// The table of a shard with that key; nothing where it is none, another's, or not whole (only the table is read).
/// Throws Error{io} where the file cannot be read.
std::optional<ShardTable> read_shard_table(const std::filesystem::path& path, const std::string& key);

/// A shard that is read from. May be used by many threads.
class ShardReader {
 public:
  /// in_order: its samples will be read soon, and in one run it is asked for as a whole.
  ShardReader(const std::filesystem::path& path, bool in_order);
  ~ShardReader();
  ShardReader(const ShardReader&) = delete;
  ShardReader& operator=(const ShardReader&) = delete;
  /// Throws Error{io}, and Error{data} where the file ends before, or the checksum differs. what: the sample's name.
  std::string read(const SampleEntry& entry, const std::string& what) const;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace quench::data
