#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/index/opening.h"
#include "data/index/picture_index.h"
#include "data/sets/file_digests.h"

namespace quench::data {

/// The indexes of a data set's splits, read from a file or just made.
struct SetIndex {
  std::vector<PictureIndex> splits;
  std::vector<std::string> notes;
  std::shared_ptr<const void> bytes;  ///< which all of these lie in
};

/// A file or folder that a list of pictures was made from, as it was just before.
struct Sign {
  std::filesystem::path path;
  FileStamp stamp;
};
/// Its state now.
Sign sign_of(const std::filesystem::path& path);

/// The state of a file in a number: 0 where it is not there. Two states have the same number by chance alone (2^-64).
uint64_t stamp_number(const FileStamp& stamp);

/// Calls work(i) for 0..count-1, in a few threads where there are many: for what waits for a file system. at_once: how
/// many a thread takes at a time. Throws what a thread threw, and Error{cancelled}.
void for_many(int64_t count, const CancelToken* cancel, const std::function<void(int64_t)>& work, int64_t at_once = 64);

/// What is kept of data sets between starts, below the folder of data sets: hashes of files, and lists of the pictures
/// of large sets as files that are mapped into memory (`indexes/`). Any of it may be deleted at any time. What is
/// damaged or of another version is made again; what cannot be written is not kept, and no error.
class SetMemory {
 public:
  /// root: empty where nothing is kept.
  SetMemory(const std::filesystem::path& root, Opening opening);

  const Opening& opening() const { return opening_; }
  FileDigests& digests() { return digests_; }
  /// The folder of indexes; empty where nothing is kept.
  const std::filesystem::path& folder() const { return folder_; }

  /// The kept index of a set, if it is of the set as it is: the files and folders that it was made from have the stamps
  /// that they had, and so has every picture and label file of a detection set. key: what the list depends on beside
  /// them. label_of: the label file of a picture; none where labels are in no file of the picture's own.
  std::shared_ptr<const SetIndex> find(
      const std::string& key,
      const std::function<std::filesystem::path(const std::filesystem::path&)>& label_of = nullptr);

  /// Makes an index of splits, and keeps it where the set is large and none of its files changed within the last two
  /// seconds. newest_ns: the last change of the files that were read, beside those of the signs. shown: what the set is
  /// called in messages.
  std::shared_ptr<const SetIndex> keep(const std::string& key, std::vector<IndexBuilder> splits,
                                       const std::vector<Sign>& signs, const std::vector<std::string>& notes,
                                       int64_t newest_ns, const std::string& shown);

  /// Shows how far something is, twice a second, once it takes that long. Throws Error{cancelled}.
  void show(const std::string& text);

 private:
  std::filesystem::path file_of(const std::string& key) const;

  std::filesystem::path root_, folder_;
  Opening opening_;
  FileDigests digests_;
  int64_t shown_ns_;
};

}  // namespace quench::data
