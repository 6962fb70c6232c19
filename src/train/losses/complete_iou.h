#pragma once

#include <torch/types.h>

namespace quench::train {

/// Complete IoU of box pairs (Zheng et al. 2020, "Distance-IoU Loss", equations 8 to 11):
/// CIoU = IoU - rho^2 / c^2 - alpha v, with rho the distance of the centres, c the diagonal of the smallest box around
/// both, v = 4 / pi^2 (atan(w_b / h_b) - atan(w_a / h_a))^2 and alpha = v / (1 - IoU + v), constant in the backward
/// pass as in the authors' code. a, b: [P,4] x1 y1 x2 y2 in one unit, float32 or float64, corners not crossed. Returns
/// [P], at most 1; differentiable by both. Denominators have 1e-7 added, so that empty boxes give finite values.
torch::Tensor complete_iou(const torch::Tensor& a, const torch::Tensor& b);

}  // namespace quench::train
