#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/labelled_images.h"

namespace quench::data {

/// The images that loaders left out, each once, as they met them. May be used from many threads.
class LeftOut {
 public:
  void add(LeftOutImage image);
  int64_t count() const;
  /// By index.
  std::vector<LeftOutImage> images() const;

 private:
  mutable std::mutex mutex_;
  std::map<int64_t, LeftOutImage> images_;
};

/// "1 of 8 test images cannot be read and is left out, the first: [data.folder] ... (a/b.jpg)". `what`: "test images".
/// images: one or more.
std::string to_text(const std::vector<LeftOutImage>& images, int64_t of, std::string_view what);

}  // namespace quench::data
