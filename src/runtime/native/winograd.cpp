#include "runtime/native/winograd.h"

#include <algorithm>
#include <cstdlib>

namespace quench::runtime::native {
namespace {

/// The most that a sum of products may be: 64 times it is still an int32 (winograd.h).
constexpr int64_t kMostSum = (int64_t{1} << 25) - 1;
/// Below it the plain kernels are as fast (docs/decisions/0020-exact-winograd.md).
constexpr int64_t kFewestTiles = 4;

constexpr int kRows[6][3] = {{1, 0, 0}, {1, 1, 1}, {1, -1, 1}, {1, 2, 4}, {1, -2, 4}, {0, 0, 1}};

bool sums_fit(const Tensor& weight) {
  const auto values = weight.values<int8_t>();
  const auto depth = static_cast<size_t>(weight.size() / weight.shape()[0]);
  for (size_t begin = 0; begin < values.size(); begin += depth) {
    int64_t most = 0;
    for (size_t i = begin; i < begin + depth; ++i) most += 255 * std::abs(int64_t{values[i]});
    if (most > kMostSum) return false;
  }
  return true;
}

}  // namespace

bool winograd_fits(const Instruction& layer, const Value& in, const Value& out, int64_t channels) {
  const auto& conv = std::get<graph::ConvAttributes>(layer.attributes);
  for (const size_t axis : {0u, 1u}) {
    if (conv.kernel[axis] != 3 || conv.stride[axis] != 1 || conv.dilation[axis] != 1 || conv.padding[axis] != 1) {
      return false;
    }
  }
  const bool enough = out.channels >= channels && 4 * in.channels >= 3 * channels;
  return conv.groups == 1 && enough && winograd_tiles(out) >= kFewestTiles;
}

bool winograd_pays(const Instruction& layer, const Value& in, const Value& out, const Kernels& kernels) {
  return kernels.winograd_u8 != nullptr && layer.kind == Kind::conv_u8 &&
         winograd_fits(layer, in, out, kernels.winograd_channels) && sums_fit(layer.weight);
}

Aligned<int16_t> winograd_weights(const Tensor& weight, const Kernels& kernels) {
  const int64_t channels = weight.shape()[0], in_channels = weight.shape()[1];
  const int64_t depth = padded(in_channels, kernels.short_step), lanes = kernels.lanes;
  const int64_t vectors = padded(channels, lanes) / lanes;
  Aligned<int16_t> out(vectors * lanes * depth * kWinogradPoints);
  const int8_t* values = weight.values<int8_t>().data();
  const int64_t most = kernels.winograd_vectors * lanes, beside = kernels.shorts_a_dot;
  for (int64_t c = 0; c < channels; ++c) {
    const int64_t pass = c / most * most;  // first channel of the pass
    const int64_t width = std::min(most, vectors * lanes - pass);
    for (int64_t k = 0; k < in_channels; ++k) {
      const auto points = winograd_kernel(kRows, values + 9 * (c * in_channels + k));
      for (int64_t point = 0; point < kWinogradPoints; ++point) {
        const int64_t block = pass * depth * kWinogradPoints + point * depth * width;
        out[block + k / beside * beside * width + beside * (c - pass) + k % beside] =
            static_cast<int16_t>(points[static_cast<size_t>(point)]);
      }
    }
  }
  return out;
}

}  // namespace quench::runtime::native
