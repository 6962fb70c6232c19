#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/labelled_images.h"
#include "core/task.h"

namespace quench::pack {

/// What is known of one image of a detection pack.
struct Image {
  int64_t id = 0;       ///< COCO image id; else its number in the set
  std::string name;     ///< file name, for messages
  Letterbox letterbox;  ///< how it was fitted: what maps boxes back to its own pixels
  std::vector<Object> objects;
  bool operator==(const Image&) const = default;
};

/// What a sample pack says of its images, in their order.
struct Header {
  std::string task;         ///< one of core/task_list.h
  std::string data;         ///< name of the data set: "coco128"
  std::string split;        ///< "test"
  std::string data_sha256;  ///< digest of the split that was packed
  int64_t height = 0;       ///< of every image, as the model sees it
  int64_t width = 0;
  std::vector<std::string> classes;
  /// How images that are labelled by class were prepared (pixels/preparation.h); empty: quench's own way.
  std::string preparation = {};
  std::vector<int32_t> labels;  ///< one an image, for tasks whose labels are classes (core/task.h)
  std::vector<Image> images;    ///< one an image, for tasks whose labels are objects
  bool operator==(const Header&) const = default;

  bool has_objects() const { return labels_of(task) == Labels::objects; }
  int64_t count() const { return static_cast<int64_t>(has_objects() ? images.size() : labels.size()); }
  /// What is true of an image. index: in [0, count()).
  Truth truth(int64_t index) const;
  int64_t image_bytes() const { return 3 * height * width; }
};

/// Throws Error{data} naming `where` for what a pack cannot be: no image or class, a side outside [1, 65536], a label
/// that is no class, a box or area that is not finite, a letterbox that does not lie in the image's canvas.
void check(const Header& header, std::string_view where);

/// JSON text, equal for equal headers.
std::string to_text(const Header& header);

/// Inverse of to_text, checked. Throws Error{data} naming `where` and the key.
Header header_from(std::string_view text, std::string_view where);

}  // namespace quench::pack
