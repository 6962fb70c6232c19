#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/byte_string.h"
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

/// Throws Error{data}: none of the images that were asked for could be read. images: those; of: as to_text.
[[noreturn]] void fail_none_read(const std::vector<LeftOutImage>& images, int64_t of);

/// For another process, and from it.
void write_left_out(ByteWriter& out, const std::vector<LeftOutImage>& images);
std::vector<LeftOutImage> read_left_out(ByteReader& in);
/// Adds those of another share, each once, and keeps all by index.
void merge_left_out(std::vector<LeftOutImage>& images, const std::vector<LeftOutImage>& more);

}  // namespace quench::data
