#pragma once

#include <cstdint>
#include <vector>

#include "core/rng.h"

namespace quench::data {

/// A square canvas of [side,side,3] uint8 RGB, owned by the caller.
struct Canvas {
  uint8_t* pixels = nullptr;
  int side = 0;
};

/// Draws a picture ([h,w,3] uint8) into the canvas, resized to `width` x `height` pixels with its corner at (left,
/// top); wholly inside. Bilinear, sample centres at (i + 0.5) * scale - 0.5, border replicated, as cv::resize
/// INTER_LINEAR (8-bit weights; integers, so the same on every machine). For pictures that shrink to no less than half.
void paint_picture(const uint8_t* picture, int picture_height, int picture_width, const Canvas& canvas, int left,
                   int top, int width, int height);

/// Random bytes for grain, drawn once. From -127 to 127.
std::vector<int8_t> grain_table(uint64_t seed);

/// Fills the canvas with something that is no object: a gradient, clouds, mottle, a photo blurred beyond recognition,
/// or a texture of mirrored bits of one; on some of them stripes and grain; and up to three plain cards, so that an
/// edge alone is no object. photo: [side,side,3] uint8. Draws from `rng` alone.
void paint_background(Rng& rng, const uint8_t* photo, int photo_side, const std::vector<int8_t>& grain,
                      const Canvas& canvas);

}  // namespace quench::data
