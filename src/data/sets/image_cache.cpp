#include "data/sets/image_cache.h"

#include "data/sets/image_folder.h"

namespace quench::data {

Tensor ImageCache::get(const std::filesystem::path& path) {
  return kept_.get(path.string(), [&] { return read_image(path); });
}

}  // namespace quench::data
