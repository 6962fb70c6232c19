#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "data/sets/dataset.h"

namespace quench::data {

/// Pictures by key, kept until `limit_bytes` of pixels are full; what comes after is made each time. (An epoch visits
/// every picture once, so that throwing the oldest out would help nobody.) May be used by many threads.
/// Picture: Tensor or Sample.
template <typename Key, typename Picture>
class KeptPictures {
 public:
  explicit KeptPictures(int64_t limit_bytes) : limit_bytes_(limit_bytes) {}

  /// The picture of the key; make() where it is not kept. Two threads may both make it.
  template <typename Make>
  Picture get(const Key& key, const Make& make) {
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = kept_.find(key); found != kept_.end()) return found->second;
    }
    Picture picture = make();
    const int64_t bytes = bytes_of(picture);
    const std::lock_guard lock(mutex_);
    if (size_bytes_ + bytes <= limit_bytes_ && kept_.emplace(key, picture).second) size_bytes_ += bytes;
    return picture;
  }
  int64_t size_bytes() const {
    const std::lock_guard lock(mutex_);
    return size_bytes_;
  }

 private:
  static int64_t bytes_of(const Tensor& pixels) { return static_cast<int64_t>(pixels.size_bytes()); }
  static int64_t bytes_of(const Sample& sample) { return bytes_of(sample.pixels); }

  mutable std::mutex mutex_;
  std::unordered_map<Key, Picture> kept_;
  int64_t size_bytes_ = 0;
  int64_t limit_bytes_;
};

}  // namespace quench::data
