#pragma once

#include <array>

#include "data/augmentation/detect_picture.h"

namespace quench::data {

/// Mosaic (Bochkovskiy et al. 2020, YOLOv4) as YOLOv5 and YOLOv8 lay it out: four images, each with its long side
/// resized to imgsz, meet with one corner at a point drawn uniformly from the middle half of a canvas of 2 imgsz x
/// 2 imgsz; gray 114 where none lies. images: top left, top right, bottom left, bottom right. Boxes are clipped to the
/// canvas.
void make_mosaic(const std::array<Sample, 4>& images, int imgsz, Rng& rng, DetectPicture& out, Picture& scratch);

}  // namespace quench::data
