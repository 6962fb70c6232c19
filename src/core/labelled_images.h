#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/letterbox.h"
#include "core/object.h"
#include "core/tensor.h"

namespace quench {

/// What is true of an image.
struct Truth {
  int32_t label = -1;           ///< its class (Labels::image_class)
  Letterbox letterbox;          ///< how it was fitted (Labels::objects)
  std::vector<Object> objects;  ///< what it holds, in pixels of the image itself (Labels::objects)
};

/// An image of a data set that cannot be read: damaged, or not what it was when the set was opened.
struct LeftOutImage {
  int64_t index = 0;    ///< in the data set
  std::string name;     ///< of its file, without folders
  std::string problem;  ///< what reading it said, with the file's path
  bool operator==(const LeftOutImage&) const = default;
};

/// Images as a model sees them, and what is true of each.
struct LabelledImages {
  Tensor images;  ///< uint8, [N,H,W,3] or [N,3,H,W]: who makes them says which
  std::vector<Truth> truths;
};

}  // namespace quench
