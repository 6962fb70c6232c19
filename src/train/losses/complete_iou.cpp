#include "train/losses/complete_iou.h"

#include <numbers>

namespace quench::train {
namespace {

using torch::Tensor;

constexpr double kEpsilon = 1e-7;

Tensor product(const Tensor& pairs) { return pairs.select(1, 0) * pairs.select(1, 1); }

/// Angle of the diagonal, which stands for the aspect ratio.
Tensor diagonal_angle(const Tensor& size) { return (size.select(1, 0) / (size.select(1, 1) + kEpsilon)).atan(); }

}  // namespace

Tensor complete_iou(const Tensor& a, const Tensor& b) {
  const Tensor low_a = a.slice(1, 0, 2), high_a = a.slice(1, 2, 4);
  const Tensor low_b = b.slice(1, 0, 2), high_b = b.slice(1, 2, 4);
  const Tensor size_a = high_a - low_a, size_b = high_b - low_b;

  const Tensor shared = product((at::minimum(high_a, high_b) - at::maximum(low_a, low_b)).clamp_min(0));
  const Tensor iou = shared / (product(size_a) + product(size_b) - shared + kEpsilon);
  const Tensor hull = at::maximum(high_a, high_b) - at::minimum(low_a, low_b);
  const Tensor diagonal = hull.square().sum(1) + kEpsilon;
  const Tensor distance = (low_a + high_a - low_b - high_b).square().sum(1) / 4;

  const Tensor v =
      (diagonal_angle(size_b) - diagonal_angle(size_a)).square() * (4 / (std::numbers::pi * std::numbers::pi));
  const Tensor alpha = v.detach() / (v.detach() - iou.detach() + (1 + kEpsilon));
  return iou - (distance / diagonal + v * alpha);
}

}  // namespace quench::train
