#pragma once

#include <span>
#include <vector>

#include "core/tensor.h"
#include "models/detect_head.h"

namespace quench::models {

/// Predictions of one image, one row each: every cell (and anchor) of every level, finest level first, whose best
/// score reaches a threshold.
struct Candidates {
  int64_t classes = 0;
  std::vector<float> boxes;   ///< [count,4] x1 y1 x2 y2, pixels of the network's input; not clipped
  std::vector<float> scores;  ///< [count,classes] in [0,1]; 0 where a class cannot reach the threshold
  int64_t count() const { return static_cast<int64_t>(boxes.size()) / 4; }
};

/// Decodes image `index` of a detector's raw outputs (float32, as detect_head describes them; H and W may differ from
/// the graph's own, for rectangular inputs). YOLOv5: xy = (2 s(t) - 0.5 + cell) stride, wh = (2 s(t))^2 anchor, score =
/// objectness times class, s the logistic function (Jocher, YOLOv5 release 5.0 on). YOLOv8: sides = stride times the
/// expectation of softmax over reg_max bins (distribution focal loss, Li et al. 2020, equation 5) from the cell's
/// centre, score = s(class). Keeps rows whose best score exceeds `confidence`; NaN never does.
/// Throws Error{data} where the outputs do not fit the head.
Candidates decode(const DetectHead& head, std::span<const Tensor> outputs, int64_t index, float confidence);

}  // namespace quench::models
