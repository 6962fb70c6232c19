#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace quench::data {

/// An image of a data set that cannot be read: damaged, or not what it was when the set was opened.
struct LeftOutImage {
  int64_t index = 0;    ///< in the data set
  std::string name;     ///< of its file, without folders
  std::string problem;  ///< what reading it said, with the file's path
  bool operator==(const LeftOutImage&) const = default;
};

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
