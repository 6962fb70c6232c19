#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/cancel.h"
#include "core/log.h"
#include "data/sets/dataset.h"
#include "graph/graph.h"
#include "models/detect_head.h"

namespace quench::train {

/// Width and height, pixels of the network's input.
using BoxSize = std::array<double, 2>;
using LevelAnchors = std::vector<std::vector<BoxSize>>;

/// Sizes of all objects (not crowds) with each image's long side resized to imgsz. Throws Error{data} for an image
/// whose height or width is not known.
std::vector<BoxSize> box_sizes(const data::Dataset& dataset, int imgsz);

/// How well anchors fit boxes (YOLOv5's measure): an anchor fits where width and height both differ by a factor below
/// `ratio`.
struct AnchorFit {
  double recall = 0;   ///< best possible recall: share of boxes that an anchor fits
  double fitting = 0;  ///< mean number of anchors that fit a box
};
/// All 0 without boxes.
AnchorFit anchor_fit(std::span<const BoxSize> boxes, std::span<const BoxSize> anchors, double ratio);

struct AutoAnchorOptions {
  double ratio = 4;            ///< the matching's
  double enough = 0.98;        ///< recall from which on the head's own anchors stay
  int generations = 1000;      ///< of the evolution
  int64_t max_boxes = 100000;  ///< a seeded sample of these is fitted; recall is of all
  uint64_t seed = 0;
};

/// `count` anchors for the boxes, by ascending area: k-means on width and height over their deviations (best of several
/// seeded starts), then an evolution that keeps random changes where they raise the mean over boxes of the best fit
/// (the smallest of w / w_a, w_a / w, h / h_a, h_a / h; 0 where below 1 / ratio). Steps and constants are those of
/// YOLOv5's autoanchor (Jocher, release 7.0): boxes under 2 pixels left out, changes with probability 0.9 and deviation
/// 0.1, factors in [0.3, 3], anchors of 2 pixels or more. Rounded to 0.01. Empty where the boxes are fewer than
/// `count`.
std::vector<BoxSize> evolved_anchors(std::span<const BoxSize> boxes, int64_t count, const AutoAnchorOptions& options,
                                     const CancelToken* cancel = nullptr);

struct FittedAnchors {
  LevelAnchors anchors;  ///< by level as in the head; small ones on fine levels
  AnchorFit before, after;
};
/// New anchors for a data set where the head's recall is below `enough` and the new ones' is higher; else nothing, as
/// for a head without anchors. Says on the log what it found. Seeded: the same arguments give the same anchors.
std::optional<FittedAnchors> fitted_anchors(const data::Dataset& dataset, int imgsz, const models::DetectHead& head,
                                            const AutoAnchorOptions& options = {}, const LogSink* log = nullptr,
                                            const CancelToken* cancel = nullptr);

/// Writes anchors into the metadata that training and decoding read. Throws Error{config} unless the graph is a
/// detector with as many levels and anchors, Error{data} for sizes not above 0.
void set_anchors(graph::Graph& graph, const LevelAnchors& anchors);

}  // namespace quench::train
