#pragma once

#include "runtime/native/kernels.h"
#include "runtime/native/program.h"

namespace quench::runtime::native {

/// Gives the first convolution pixels of four times the channels, each a square of 2 x 2 of the image, where it has
/// windows of 6 x 6, stride 2 and padding 2 (YOLOv5's): windows of 3 x 3, stride 1 and padding 1 of such pixels hold
/// the same values, and Winograd's algorithm takes them. Channel 4 c + 2 dy + dx is channel c of pixel (dy, dx).
///
/// The products are the same. Sums of floats add them in another order, so all instruction sets do so; of bytes those
/// do that gain by it, which have no instruction for four products.
Program with_wide_first_pixels(Program program, const Kernels& kernels);

}  // namespace quench::runtime::native
