#pragma once

#include "quench/export.h"

namespace quench {
inline namespace v0 {

/// Corners in pixels of the picture, from its top left: x1 <= x2, y1 <= y2, clipped to [0,width] and [0,height].
struct Box {
  double x1 = 0, y1 = 0, x2 = 0, y2 = 0;
};

/// One object that a detector found.
struct Detection {
  Box box;
  float score = 0;  ///< in [0,1]
  int label = -1;   ///< number of the class, from 0: Model::classes()
};

/// One class that a classifier gives a picture.
struct ClassScore {
  float score = 0;  ///< softmax over the model's classes, in [0,1]
  int label = -1;   ///< number of the class, from 0: Model::classes()
};

}  // namespace v0
}  // namespace quench
