#pragma once

#include <filesystem>
#include <string>

#include "data/sets/kept_pictures.h"

namespace quench::data {

/// Decoded images by path, as many as fit into `limit_bytes`. May be used by many threads.
class ImageCache {
 public:
  static constexpr int64_t kDefaultLimit = int64_t{512} << 20;

  explicit ImageCache(int64_t limit_bytes = kDefaultLimit) : kept_(limit_bytes) {}
  /// read_image(path), from memory where it was read before.
  Tensor get(const std::filesystem::path& path);
  int64_t size_bytes() const { return kept_.size_bytes(); }

 private:
  KeptPictures<std::string, Tensor> kept_;
};

}  // namespace quench::data
