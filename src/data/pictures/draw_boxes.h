#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/box.h"
#include "core/tensor.h"
#include "pixels/class_color.h"

namespace quench::data {

using pixels::class_color;
using pixels::Color;

/// What is drawn of one object.
struct LabelledBox {
  Box box;            ///< pixels of the image
  int32_t label = 0;  ///< gives the colour
  std::string text;   ///< "person 0.87"; what no font has is the class's number; empty: no label
  bool outlined = true;
};

/// Small images are enlarged before they are drawn on, so that a label can be read: the least whole factor that makes
/// the long side 320 pixels or more.
int drawing_factor(int height, int width);

/// A copy of the image ([h,w,3] uint8 RGB), drawing_factor times as large (nearest), with outlines and labels on it.
/// boxes: best first; better ones are drawn over worse ones. An outline lies inside its box, from the pixel that the
/// rounded corner names on, and is as thick as suits the image. A label is a filled rectangle with text: above its box,
/// else inside or below, where it covers the least of the labels of better ones. Labels stay inside the image; text
/// that is wider than the image is cut. Boxes are clipped to the image; those that are not finite are left out.
Tensor draw_boxes(const Tensor& pixels, std::span<const LabelledBox> boxes);

/// Where draw_boxes puts the label of each box, in whole pixels of the drawing; an empty Box where it has none.
std::vector<Box> label_places(int height, int width, std::span<const LabelledBox> boxes);

}  // namespace quench::data
