#pragma once

#include <cstdint>

#include "pixels/preparation.h"

namespace quench::pixels {

/// A picture ([height,width,3] uint8, dense) prepared in another way than quench's own: imgsz * imgsz * 3 bytes to
/// `out`. What Fitter does then.
void fit_shaped(const uint8_t* source, int height, int width, const Preparation& preparation, int imgsz, uint8_t* out);

}  // namespace quench::pixels
