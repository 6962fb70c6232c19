#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace quench::models {

/// How the raw outputs of a detector are to be read. Made from the Graph's metadata, which travels in the model file.
///
/// Anchors (YOLOv5): one output a level, [N, A * (5 + classes), H, W]; channel a * (5 + classes) + k holds, for anchor
/// a, k = 0..3: x, y, w, h; 4: objectness; 5..: classes.
/// Anchor-free (YOLOv8): two outputs a level, [N, 4 * reg_max, H, W] (left, top, right, bottom; reg_max logits each)
/// and [N, classes, H, W].
struct DetectHead {
  std::vector<std::string> classes;
  std::vector<int64_t> strides;                             ///< of the levels, input pixels a cell
  std::vector<std::vector<std::array<double, 2>>> anchors;  ///< width, height in input pixels, by level; empty: none
  int64_t reg_max = 0;                                      ///< anchor-free: bins of a side's distribution

  bool anchor_free() const { return anchors.empty(); }
  int64_t class_count() const { return static_cast<int64_t>(classes.size()); }
  int64_t outputs_per_level() const { return anchor_free() ? 2 : 1; }
};

/// Reads metadata `classes`, `strides`, and `anchors` or `reg_max`, and checks the graph's outputs against them.
/// Throws Error{data} naming what is missing or does not fit; Error{config} for a graph whose task is not `detect`.
DetectHead detect_head(const graph::Graph& graph);

}  // namespace quench::models
