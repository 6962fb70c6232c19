#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "train/matching/target.h"

namespace quench::train {

/// Cells of one level of a batch.
struct CellGrid {
  int64_t height = 0, width = 0;
};

/// A target that a cell's anchor is to predict.
struct AnchorMatch {
  int64_t image = 0, row = 0, column = 0, anchor = 0;
  int64_t label = 0;
  float x = 0, y = 0;           ///< the target's centre, cells from the cell's corner, as a rule in [-0.5, 1.5]
  float width = 0, height = 0;  ///< in cells
  bool last = true;             ///< no later match has the same cell and anchor
};

/// YOLOv5's choice of predictors for the targets (Jocher, release 7.0; behaviour as facts): an anchor takes a target
/// whose width and height differ from its own by a factor below `ratio`, in either direction; it does so in the cell
/// of the target's centre and in the nearer neighbour left or right, and above or below, where there is one. So a
/// target has up to 3 cells for each anchor. anchors: width, height in cells.
///
/// One cell and anchor can be matched by several targets: all count for box and class, the last for objectness. Order:
/// own cells first, then those to the left, above, right, below; in each by anchor, then by target.
std::vector<AnchorMatch> match_anchors(std::span<const Target> targets, std::span<const std::array<float, 2>> anchors,
                                       const CellGrid& grid, float ratio);

}  // namespace quench::train
