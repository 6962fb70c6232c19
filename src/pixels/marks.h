#pragma once

#include <span>
#include <string>

#include "core/box.h"
#include "core/tensor.h"
#include "pixels/class_color.h"

namespace quench::pixels {

/// What is drawn of one object.
struct Mark {
  Box box;            ///< pixels of the image
  int32_t label = 0;  ///< gives the colour
  std::string text;   ///< "person 0.87"; empty: no label
  bool outlined = true;
};

/// A copy of the image ([h,w,3] uint8 RGB) with outlines and labels on it, better ones (first) over worse ones: what
/// data/pictures/draw_boxes.h draws, more plainly, where there is no OpenCV. Letters are of a font of 5x7 dots, as
/// large as suits the image; characters beyond ASCII are drawn as '?'. Boxes are clipped to the image; those that are
/// not finite are left out, and so are labels that are higher than the image; wider ones are cut.
Tensor draw_marks(const Tensor& pixels, std::span<const Mark> marks);

}  // namespace quench::pixels
