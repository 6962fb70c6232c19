#pragma once

#include <cstdint>

#include "runtime/native/kernels.h"
#include "runtime/native/pack.h"
#include "runtime/native/program.h"

/// Convolutions of 3 x 3 with stride 1 by Winograd's F(4x4, 3x3) in floats: 36 products make 16 outputs where the plain
/// sum takes 144 (Lavin and Gray 2016). Y = A^T [ (G g G^T) * (B^T d B) ] A by the points 0, 5/7, -5/7, 3/2, -3/2 and
/// infinity: of those tried they round least, twice as much as the plain sum (the usual 0, 1, -1, 2, -2 four times;
/// Barabasz et al. 2020, "Error analysis and improving the accuracy of Winograd convolution for deep neural networks").
/// Operations and their order are fixed, and which layers are computed so follows from their shapes alone: the same
/// bits on every instruction set.
namespace quench::runtime::native {

/// Whether the layer is such a convolution, with channels enough to make up for the transforms.
bool winograd_pays_f32(const Instruction& layer, const Value& in, const Value& out);

/// Transformed weights of all output channels, in double precision and rounded once, in the order that the kernel reads
/// them: for each pass of at most f32_vectors vectors of channels, each of the 36 points, each input channel: the
/// pass's channels.
Aligned<float> winograd_weights_f32(const Tensor& weight, const Kernels& kernels);

}  // namespace quench::runtime::native
