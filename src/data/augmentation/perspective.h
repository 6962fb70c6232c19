#pragma once

#include <array>

#include "data/augmentation/detect_picture.h"

namespace quench::data {

/// What of a picture is seen, and how: `matrix` (row-major 3x3, of homogeneous pixel coordinates, where a pixel spans
/// one unit and the picture starts at 0) takes the source to the output.
struct View {
  std::array<double, 9> matrix{1, 0, 0, 0, 1, 0, 0, 0, 1};
  double scale = 1;  ///< the drawn change of size; judges how much of an object is left
  bool operator==(const View&) const = default;
};

/// Perspective, rotation by up to `degrees` and scaling by 1 - scale to 1 + scale about the source's centre, shear, and
/// a shift by up to `translate` of the output's side about its centre; each uniform (the scheme of YOLOv5 and YOLOv8).
/// Perspective coefficients are cut down where they would fold the source over (denominator below 0.2).
View random_view(const AugmentSettings& settings, int source_side, int output_side, Rng& rng);

/// The box around the box's four transformed corners.
Box transformed(const Box& box, const View& view);

/// Whether enough of an object is left to train on, as YOLOv5 and YOLOv8 judge it: width and height above 2 px, less
/// than 100 times longer than wide, and above a tenth of the area of `before` (which is at the output's scale).
bool worth_training(const Box& before, const Box& after);

/// Makes the picture what the view shows in side x side, bilinear, gray 114 where there is no source. Boxes follow
/// by their corners, are clipped, and left out where they are not worth_training. Pixels and boxes move alike (a
/// pixel's centre lies half a unit inside), where the originals move the pixels' centres as if these were their
/// corners.
void see(const View& view, int side, DetectPicture& picture, Picture& scratch);

}  // namespace quench::data
