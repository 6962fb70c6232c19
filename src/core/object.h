#pragma once

#include <cstdint>

#include "core/box.h"

namespace quench {

/// One labelled object of an image.
struct Object {
  Box box;  ///< pixels of the stored image
  int32_t label = -1;
  bool crowd = false;  ///< COCO `iscrowd`: a group; not trained on, and matched by metrics as COCO does
  double area = 0;     ///< COCO: of the segment; else of the box. Sets the size class in metrics
  bool operator==(const Object&) const = default;
};

}  // namespace quench
