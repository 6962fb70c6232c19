#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>

#include "data/index/set_memory.h"
#include "data/sets/dataset.h"

namespace quench::data {

/// Decoded images by path, kept until `limit_bytes` are full; what comes after is decoded each time. (An epoch visits
/// every image once, so that throwing the oldest out would help nobody.) May be used by many threads.
class ImageCache {
 public:
  static constexpr int64_t kDefaultLimit = int64_t{512} << 20;

  explicit ImageCache(int64_t limit_bytes = kDefaultLimit) : limit_bytes_(limit_bytes) {}
  /// read_image(path), from memory where it was read before.
  Tensor get(const std::filesystem::path& path);
  int64_t size_bytes() const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Tensor> images_;
  int64_t size_bytes_ = 0;
  int64_t limit_bytes_;
};

/// Split number `split` of the index as a Dataset. Images decode in at(), through `cache`. digest(): sha256 of class
/// names and their ids, and of each image's name, objects and file content, at the first call; `memory` remembers the
/// files. key: what the set is called there. Throws Error{data} where there is no image.
std::shared_ptr<const Dataset> detection_set(std::shared_ptr<const SetIndex> index, size_t split,
                                             std::shared_ptr<ImageCache> cache, std::shared_ptr<SetMemory> memory,
                                             const std::string& key);

/// Adds issues to an index, in order of file and line.
void add_sorted(std::vector<LabelIssue> issues, IndexBuilder& to);

/// "class_0", "class_1", ...: for labels without names.
std::vector<std::string> numbered_classes(int64_t count);

}  // namespace quench::data
