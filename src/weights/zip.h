#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

struct zip;

namespace quench::weights {

/// The entries of a zip archive in memory (libzip; zip64 too). Takes stored entries alone, as torch.save writes them:
/// nothing is decompressed, so nothing can grow, and all entries together are no longer than the archive.
class Zip {
 public:
  /// Reads the directory. `bytes` must outlive this object; errors name `where`.
  /// Throws Error{data} for bytes that are no archive, for a name that stands twice, for compressed or encrypted
  /// entries, and for sizes that the archive cannot hold.
  Zip(std::string_view bytes, std::string_view where);
  ~Zip();
  Zip(const Zip&) = delete;
  Zip& operator=(const Zip&) = delete;

  struct Entry {
    uint64_t index;
    uint64_t size_bytes;
  };
  /// By name.
  const std::map<std::string, Entry, std::less<>>& entries() const { return entries_; }
  bool contains(std::string_view name) const { return entries_.contains(name); }
  /// Sum over entries.
  uint64_t size_bytes() const { return size_bytes_; }

  /// The content of an entry, its CRC-32 checked. Throws Error{data} where it is missing or damaged.
  std::string read(std::string_view name) const;

 private:
  std::string where_;
  zip* archive_ = nullptr;
  std::map<std::string, Entry, std::less<>> entries_;
  uint64_t size_bytes_ = 0;
};

}  // namespace quench::weights
