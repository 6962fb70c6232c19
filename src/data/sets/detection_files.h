#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>

#include "data/sets/dataset.h"
#include "data/sets/file_digests.h"

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

/// A labelled image file.
struct DetectionImage {
  std::filesystem::path path;
  ImageInfo info;
  std::vector<Object> objects;
};

/// What a split of image files holds, after its labels are read.
struct DetectionFiles {
  std::vector<DetectionImage> images;
  std::vector<std::string> classes;
  std::vector<int64_t> category_ids;  ///< of each class; empty: 0..n-1
  std::vector<LabelIssue> issues;
};

/// The split as a Dataset. Images decode in at(), through `cache`. digest(): sha256 of class names and their ids, and
/// of each image's name, objects and file content, at the first call; `digests` remembers the files. Issues are sorted
/// by file and line. Throws Error{data} where there is no image.
std::shared_ptr<const Dataset> detection_set(DetectionFiles files, std::shared_ptr<ImageCache> cache,
                                             std::shared_ptr<FileDigests> digests = nullptr);

/// "class_0", "class_1", ...: for labels without names.
std::vector<std::string> numbered_classes(int64_t count);

}  // namespace quench::data
