#include "runtime/native/winograd_f32.h"

#include <algorithm>

#include "runtime/native/winograd.h"
#include "runtime/native/winograd_points.h"

namespace quench::runtime::native {
namespace {

constexpr int64_t kFewestChannels = 16;

constexpr double kP2 = kPointP * kPointP, kQ2 = kPointQ * kPointQ;
constexpr double kOfP = 1 / (2 * kP2 * (kP2 - kQ2)), kOfQ = 1 / (2 * kQ2 * (kQ2 - kP2));
/// G: of each point the powers 0, 1 and 2 over the product of its distances from the others.
constexpr double kFloatRows[6][3] = {{1 / (kP2 * kQ2), 0, 0},           {kOfP, kPointP* kOfP, kP2* kOfP},
                                     {kOfP, -kPointP* kOfP, kP2* kOfP}, {kOfQ, kPointQ* kOfQ, kQ2* kOfQ},
                                     {kOfQ, -kPointQ* kOfQ, kQ2* kOfQ}, {0, 0, 1}};

}  // namespace

bool winograd_pays_f32(const Instruction& layer, const Value& in, const Value& out) {
  return layer.kind == Kind::conv_f32 && winograd_fits(layer, in, out, kFewestChannels);
}

Aligned<float> winograd_weights_f32(const Tensor& weight, const Kernels& kernels) {
  const int64_t channels = weight.shape()[0], depth = weight.shape()[1], lanes = kernels.lanes;
  const int64_t vectors = padded(channels, lanes) / lanes, passes = pass_count(vectors, kernels.f32_vectors);
  Aligned<float> out(vectors * lanes * depth * kWinogradPoints);
  const float* values = weight.values<float>().data();
  for (int64_t pass = 0; pass < passes; ++pass) {
    const int64_t begin = pass_begin(vectors, passes, pass) * lanes;
    const int64_t width = pass_begin(vectors, passes, pass + 1) * lanes - begin;
    for (int64_t c = begin; c < std::min(begin + width, channels); ++c) {
      for (int64_t k = 0; k < depth; ++k) {
        const auto points = winograd_kernel(kFloatRows, values + 9 * (c * depth + k));
        for (int64_t point = 0; point < kWinogradPoints; ++point) {
          out[(begin * kWinogradPoints + point * width) * depth + k * width + c - begin] =
              static_cast<float>(points[static_cast<size_t>(point)]);
        }
      }
    }
  }
  return out;
}

}  // namespace quench::runtime::native
