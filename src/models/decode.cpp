#include "models/decode.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace quench::models {
namespace {

float logistic(float x) { return 1.0f / (1.0f + std::exp(-x)); }

/// A logit below which logistic(x) <= p for certain (a little is left for rounding).
float logit_bound(float p) {
  if (p <= 0) return -std::numeric_limits<float>::infinity();
  if (p >= 1) return std::numeric_limits<float>::infinity();
  return std::log(p / (1 - p)) - 1e-3f;
}

/// One image's share of a raw output: [channels, height, width].
struct Planes {
  const float* data = nullptr;
  int64_t height = 0;
  int64_t width = 0;
  int64_t cells() const { return height * width; }
  const float* channel(int64_t index) const { return data + index * cells(); }
};

Planes planes(const Tensor& output, int64_t channels, int64_t index) {
  const Shape& shape = output.shape();
  if (output.dtype() != DType::f32 || shape.size() != 4 || shape[1] != channels || index < 0 || index >= shape[0]) {
    fail(ErrorKind::data, "[models.decode] expected a float32 output [N,{},H,W] with an image {}, got {} {}", channels,
         index, to_string(output.dtype()), to_string(shape));
  }
  return {output.values<float>().data() + index * channels * shape[2] * shape[3], shape[2], shape[3]};
}

void add_box(Candidates& out, float x1, float y1, float x2, float y2) {
  out.boxes.insert(out.boxes.end(), {x1, y1, x2, y2});
}

/// A cell that may have a score above the threshold.
struct Cell {
  int64_t at;
  float objectness;  ///< 1 where the head has none
  float bound;       ///< class logits at or below it give no such score
};

constexpr size_t kCellsAtOnce = 64;  ///< their scores stay in the first cache

/// [cells,classes]: objectness times logistic of the classes' logits, from planes; 0 where that cannot reach the
/// threshold, for few classes of a cell can and an exponential costs most. NaN stays NaN. Plane by plane: the cells of
/// one lie side by side. scores: zeros.
void score_cells(const float* logits, int64_t plane, int64_t classes, std::span<const Cell> cells, float* scores) {
  for (int64_t c = 0; c < classes; ++c, logits += plane) {
    float* to = scores + c;
    for (const Cell& cell : cells) {
      const float logit = logits[cell.at];
      if (!(logit <= cell.bound)) *to = cell.objectness * logistic(logit);
      to += classes;
    }
  }
}

/// One anchor of one level of YOLOv5.
void decode_anchor(const float* first, const Planes& level, const std::array<double, 2>& anchor, float stride,
                   float confidence, Candidates& out) {
  const int64_t cells = level.cells();
  const float bound = logit_bound(confidence);
  std::vector<Cell> likely;
  for (int64_t cell = 0; cell < cells; ++cell) {
    const float logit = first[4 * cells + cell];
    if (!(logit > bound)) continue;
    const float objectness = logistic(logit);
    // Near 1 the bound would lose its digits.
    likely.push_back({cell, objectness, logit_bound(std::min(confidence / objectness, 0.99f))});
  }
  std::vector<float> scores;
  for (size_t begin = 0; begin < likely.size(); begin += kCellsAtOnce) {
    const auto some = std::span(likely).subspan(begin, std::min(kCellsAtOnce, likely.size() - begin));
    scores.assign(some.size() * static_cast<size_t>(out.classes), 0.0f);
    score_cells(first + 5 * cells, cells, out.classes, some, scores.data());
    const float* row = scores.data();
    for (const Cell& cell : some) {
      float best = 0;
      for (int64_t c = 0; c < out.classes; ++c) best = std::max(best, row[c]);  // keeps `best` where a score is NaN
      row += out.classes;
      if (!(best > confidence)) continue;
      out.scores.insert(out.scores.end(), row - out.classes, row);
      const float* at = first + cell.at;
      const float x = (2 * logistic(at[0]) - 0.5f + static_cast<float>(cell.at % level.width)) * stride;
      const float y = (2 * logistic(at[cells]) - 0.5f + static_cast<float>(cell.at / level.width)) * stride;
      const float w = 4 * logistic(at[2 * cells]) * logistic(at[2 * cells]) * static_cast<float>(anchor[0]);
      const float h = 4 * logistic(at[3 * cells]) * logistic(at[3 * cells]) * static_cast<float>(anchor[1]);
      add_box(out, x - w / 2, y - h / 2, x + w / 2, y + h / 2);
    }
  }
}

/// Expectation of softmax over the bins of one side: sum_i i e^{x_i} / sum_i e^{x_i}.
float expected_bin(const float* first, int64_t cells, int64_t bins) {
  float largest = first[0];
  for (int64_t i = 1; i < bins; ++i) largest = std::max(largest, first[i * cells]);
  float sum = 0, weighted = 0;
  for (int64_t i = 0; i < bins; ++i) {
    const float e = std::exp(first[i * cells] - largest);
    sum += e;
    weighted += e * static_cast<float>(i);
  }
  return weighted / sum;
}

/// One level of YOLOv8.
void decode_level(const Planes& sides, const Planes& scores, int64_t reg_max, float stride, float confidence,
                  Candidates& out) {
  const int64_t cells = scores.cells();
  std::vector<float> best(static_cast<size_t>(cells), -std::numeric_limits<float>::infinity());
  for (int64_t c = 0; c < out.classes; ++c) {
    const float* logits = scores.channel(c);
    for (int64_t i = 0; i < cells; ++i) best[i] = logits[i] > best[i] ? logits[i] : best[i];
  }
  const float bound = logit_bound(confidence);
  std::vector<Cell> likely;
  for (int64_t cell = 0; cell < cells; ++cell) {
    if (best[cell] > bound && logistic(best[cell]) > confidence) likely.push_back({cell, 1, bound});
  }
  const auto classes = static_cast<size_t>(out.classes);
  const size_t before = out.scores.size();
  out.scores.resize(before + likely.size() * classes);
  for (size_t begin = 0; begin < likely.size(); begin += kCellsAtOnce) {
    const auto some = std::span(likely).subspan(begin, std::min(kCellsAtOnce, likely.size() - begin));
    score_cells(scores.data, cells, out.classes, some, out.scores.data() + before + begin * classes);
  }
  for (const Cell& cell : likely) {
    float side[4];
    for (int64_t s = 0; s < 4; ++s) {
      side[s] = expected_bin(sides.channel(s * reg_max) + cell.at, cells, reg_max) * stride;
    }
    const float x = (static_cast<float>(cell.at % scores.width) + 0.5f) * stride;
    const float y = (static_cast<float>(cell.at / scores.width) + 0.5f) * stride;
    add_box(out, x - side[0], y - side[1], x + side[2], y + side[3]);
  }
}

}  // namespace

Candidates decode(const DetectHead& head, std::span<const Tensor> outputs, int64_t index, float confidence) {
  const size_t levels = head.strides.size();
  if (outputs.size() != levels * static_cast<size_t>(head.outputs_per_level())) {
    fail(ErrorKind::data, "[models.decode] expected {} outputs, got {}", levels * head.outputs_per_level(),
         outputs.size());
  }
  Candidates out;
  out.classes = head.class_count();
  for (size_t level = 0; level < levels; ++level) {
    const auto stride = static_cast<float>(head.strides[level]);
    if (head.anchor_free()) {
      const Planes sides = planes(outputs[2 * level], 4 * head.reg_max, index);
      const Planes scores = planes(outputs[2 * level + 1], out.classes, index);
      if (sides.height != scores.height || sides.width != scores.width) {
        fail(ErrorKind::data, "[models.decode] expected boxes and classes of one grid, got {}x{} and {}x{}",
             sides.height, sides.width, scores.height, scores.width);
      }
      decode_level(sides, scores, head.reg_max, stride, confidence, out);
      continue;
    }
    const auto anchors = static_cast<int64_t>(head.anchors[level].size());
    const Planes grid = planes(outputs[level], anchors * (5 + out.classes), index);
    for (int64_t a = 0; a < anchors; ++a) {
      decode_anchor(grid.channel(a * (5 + out.classes)), grid, head.anchors[level][static_cast<size_t>(a)], stride,
                    confidence, out);
    }
  }
  return out;
}

}  // namespace quench::models
