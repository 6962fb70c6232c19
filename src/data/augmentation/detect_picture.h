#pragma once

#include <vector>

#include "core/rng.h"
#include "data/augmentation/augment.h"
#include "data/pictures/picture.h"
#include "data/sets/dataset.h"

namespace quench::data {

/// A detection image while it is augmented; boxes in its pixels.
struct DetectPicture {
  Picture picture;
  std::vector<Object> objects;
};

/// What of the box lies in a canvas of side x side.
Box clipped(const Box& box, int side);

/// The objects of a sample that are trained on (all but crowds), their boxes multiplied by `gain` and moved.
void add_objects(const Sample& sample, double gain, double dx, double dy, std::vector<Object>& objects);

/// The letterboxed sample in imgsz x imgsz (small images grow), with its objects, clipped to that.
void letterboxed(const Sample& sample, int imgsz, DetectPicture& out);

/// Multiplies hue, saturation and value by 1 + u * hsv_h, 1 + u * hsv_s, 1 + u * hsv_v, u uniform in [-1,1) and drawn
/// for each, by tables on OpenCV's 8-bit HSV (hue 0..179 wraps round, the others saturate; fractions are cut off). As
/// YOLOv5 and YOLOv8 do. Nothing, without a draw, where all three are 0.
void shift_hsv(Picture& picture, const AugmentSettings& settings, Rng& rng, Picture& scratch);

/// mixup for detection (Zhang et al. 2019, "Bag of freebies"): pixels own * picture + (1 - own) * other, objects of
/// both, each with full weight. The pictures are of one size.
void blend(DetectPicture& picture, const DetectPicture& other, double own);

/// Mirrors left and right, into `out` (as many bytes), and the boxes in place.
void flip_into(DetectPicture& picture, uint8_t* out);

}  // namespace quench::data
