#include "data/sets/image_cache.h"

#include "data/sets/image_folder.h"

namespace quench::data {

Tensor ImageCache::get(const std::filesystem::path& path) {
  const std::string key = path.string();
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = images_.find(key); found != images_.end()) return found->second;
  }
  Tensor pixels = read_image(path);
  const auto bytes = static_cast<int64_t>(pixels.size_bytes());
  const std::lock_guard lock(mutex_);
  if (size_bytes_ + bytes <= limit_bytes_ && images_.emplace(key, pixels).second) size_bytes_ += bytes;
  return pixels;
}

int64_t ImageCache::size_bytes() const {
  const std::lock_guard lock(mutex_);
  return size_bytes_;
}

}  // namespace quench::data
