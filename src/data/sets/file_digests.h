#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace quench::data {

/// The state of files, without reading them: size, time of last change of content and of the file's entry, inode. Who
/// writes over a file and sets its time back changes the entry's time still.
struct FileStamp {
  std::string text;       ///< one word; empty where a file is not there
  int64_t newest_ns = 0;  ///< the last of all these times, since 1970
};
FileStamp stamp_of(const std::vector<std::filesystem::path>& files);
/// Whether that time is more than two seconds ago: what changed later may change again under the same time.
bool is_settled(int64_t newest_ns);

/// SHA-256 of files and of what is read from them, remembered in one small file by their stamps, so that a large data
/// set is read once and not at every start. Files changed within the last two seconds are not remembered: they could
/// change again under the same time. A torn or strange memory is made again; one that cannot be written is no error.
/// May be used by many threads.
class FileDigests {
 public:
  /// folder: where the memory lies (`file_digests`); empty: nothing is remembered. may_make_folder: else nothing is
  /// remembered where the folder is not there.
  explicit FileDigests(const std::filesystem::path& folder, bool may_make_folder = true);
  /// Of a file's bytes. Throws Error{io} where the file cannot be read.
  std::string of(const std::filesystem::path& file);
  /// What remember() was told of `what` under this stamp.
  std::optional<std::string> known(const std::string& what, const FileStamp& stamp);
  /// stamp: from before the files were read. sha256: 64 hex digits.
  void remember(const std::string& what, const FileStamp& stamp, const std::string& sha256);
  /// Writes what is new.
  void save();

 private:
  struct Entry {
    std::string sha256, stamp;
  };
  void load();

  std::mutex mutex_;
  std::filesystem::path path_;
  std::map<std::string, Entry> entries_;  ///< by absolute path, or by what is read from several files
  bool may_make_folder_;
  bool loaded_ = false, changed_ = false;
};

}  // namespace quench::data
