#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>

namespace quench::data {

/// SHA-256 of files, remembered in one small file by path, size and time of last change, so that a large data set is
/// read once and not at every start. A file changed within the last two seconds is not remembered: it could change
/// again under the same time. A torn or strange memory is made again; one that cannot be written is no error.
/// May be used by many threads.
class FileDigests {
 public:
  /// folder: where the memory lies (`file_digests`); empty: nothing is remembered.
  explicit FileDigests(const std::filesystem::path& folder);
  /// Throws Error{io} where the file cannot be read.
  std::string of(const std::filesystem::path& file);
  /// Writes what is new.
  void save();

 private:
  struct Entry {
    int64_t size = 0;
    int64_t time_ns = 0;
    std::string sha256;
  };
  void load();

  std::mutex mutex_;
  std::filesystem::path path_;
  std::map<std::string, Entry> entries_;
  bool loaded_ = false, changed_ = false;
};

}  // namespace quench::data
