#pragma once

#include <optional>
#include <string>
#include <vector>

#include "models/spec.h"

namespace quench::models {

/// Largest multiplier of depth or width that a name may ask for: yolov5:d2w2 has 370 million parameters.
inline constexpr double kMostMultiplier = 2;
/// Smallest; every layer keeps 8 channels and one repeat in any case.
inline constexpr double kLeastMultiplier = 0.01;

/// The member of a family with multipliers of its own: `yolov8:d0.67w0.25`, `yolov5-cls:d1w0.5` (depth, then width, as
/// the published scales are written). `catalog`: the published members. `yolov8:d0.33w0.5` has the layers of yolov8s:
/// the cap on YOLOv8 detectors' channels goes with the depth, as it does in the published scales (1024 at 0.33, 768 at
/// 0.67, 512 at 1; of other depths the nearest of these counts). The name is written with the shortest numbers.
/// Empty for a name without a colon. Throws Error{config} for another family, another form, multipliers out of bounds.
std::optional<Spec> scaled_spec(const std::string& name, const std::vector<Spec>& catalog);

}  // namespace quench::models
