#pragma once

#include <array>
#include <cstdint>

#include "runtime/native/kernels.h"
#include "runtime/native/pack.h"
#include "runtime/native/program.h"

/// Convolutions of 3 x 3 with stride 1 by Winograd's F(4x4, 3x3) in exact integers (Lavin and Gray 2016, "Fast
/// algorithms for convolutional neural networks"): 36 products make 16 outputs where the plain sum takes 144.
///
/// Y = A^T [ (G g G^T) * (B^T d B) ] A. B has integers, and |B^T d B| <= 100 x 255 fits 16 bits. The rows of G are
/// scaled to integers, by 4, -6, -6, 24, 24 and 1, so |G g G^T| <= 49 x 127 fits 16 bits, too. What the scales stand
/// for is put into A: each output comes out 576 times too large, modulo 2^32, and is divided by 9 (times its inverse
/// modulo 2^32) and by 64. So it is the very sum wherever that is within 2^25, which a layer's weights prove.
namespace quench::runtime::native {

/// Tiles of 4 x 4 that an output has.
constexpr int64_t winograd_tiles(const Value& out) { return (out.height + 3) / 4 * ((out.width + 3) / 4); }

/// A convolution of 3 x 3 with stride 1, padding 1, neither dilated nor in groups, that makes `channels` channels or
/// more of three quarters of them or more, with tiles enough for the larger weights.
bool winograd_fits(const Instruction& layer, const Value& in, const Value& out, int64_t channels);

/// G g G^T of one kernel of 3 x 3, g row by row, in `Sum`: what becomes of one weight at each of the 36 points.
template <typename Sum, typename Weight>
std::array<Sum, kWinogradPoints> winograd_kernel(const Sum (&g_rows)[6][3], const Weight* g) {
  Sum half[6][3] = {};
  for (int i = 0; i < 6; ++i) {
    for (int x = 0; x < 3; ++x) {
      for (int y = 0; y < 3; ++y) half[i][x] += g_rows[i][y] * static_cast<Sum>(g[3 * y + x]);
    }
  }
  std::array<Sum, kWinogradPoints> out{};
  for (size_t i = 0; i < 6; ++i) {
    for (size_t j = 0; j < 6; ++j) {
      for (int x = 0; x < 3; ++x) out[6 * i + j] += g_rows[j][x] * half[i][x];
    }
  }
  return out;
}

/// Whether the layer is such a convolution, its sums are within 2^25 whatever its input is, the instruction set has the
/// kernel, and it pays: enough channels to make up for the transforms, enough tiles for the larger weights.
bool winograd_pays(const Instruction& layer, const Value& in, const Value& out, const Kernels& kernels);

/// Transformed weights of all output channels (one group), in the order that the kernel reads them: for each pass of
/// winograd_vectors vectors of channels (the last ones: fewer), each of the 36 points, each group of shorts_a_dot input
/// channels: output channels x these.
Aligned<int16_t> winograd_weights(const Tensor& weight, const Kernels& kernels);

}  // namespace quench::runtime::native
