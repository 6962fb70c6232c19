#pragma once

#include <filesystem>
#include <mutex>
#include <string>
#include <unordered_map>

#include "core/tensor.h"

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

}  // namespace quench::data
