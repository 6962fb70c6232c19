#include "runtime/native/wide_weights.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace quench::runtime::native {
namespace {

constexpr double kMost = std::numeric_limits<int16_t>::max(), kLeast = 16383;
constexpr double kMostWideSum = static_cast<double>(std::numeric_limits<int32_t>::max() / 255);

}  // namespace

std::optional<WideWeights> wide_weights(const Tensor& weight) {
  const int64_t channels = weight.shape().at(0), depth = weight.size() / std::max<int64_t>(1, channels);
  if (depth > kMostWideDepth) return std::nullopt;
  const auto from = weight.values<float>();
  if (4 * std::ranges::count(from, 0.0f) >= weight.size()) return std::nullopt;
  WideWeights out;
  for (int64_t o = 0; o < channels; ++o) {
    const auto row = from.subspan(static_cast<size_t>(o * depth), static_cast<size_t>(depth));
    double largest = 0, sum = 0;
    for (const float w : row) {
      if (!std::isfinite(w)) return std::nullopt;
      largest = std::max(largest, std::abs(static_cast<double>(w)));
      sum += std::abs(static_cast<double>(w));
    }
    double steps = kMost;  // of the largest weight; each may be rounded up by half of one
    if (largest > 0) steps = std::min(kMost, std::floor((kMostWideSum - static_cast<double>(depth)) * largest / sum));
    if (steps < kLeast) return std::nullopt;
    const auto scale = static_cast<float>(largest > 0 ? largest / steps : 1.0);
    if (!std::isnormal(scale)) return std::nullopt;
    out.scale.push_back(scale);
    for (const float w : row) {
      const double q = std::nearbyint(static_cast<double>(w) / static_cast<double>(scale));
      out.values.push_back(static_cast<int16_t>(std::clamp(q, -kMost, kMost)));
    }
  }
  return out;
}

}  // namespace quench::runtime::native
