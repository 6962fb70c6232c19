#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "onnx/document.h"
#include "onnx/raw_graph.h"

namespace quench::weights {

/// What the operators behind a detector's raw outputs were found to be.
struct DecodingTail {
  bool compared = false;  ///< it was run on seeded raw outputs, and gave the boxes and scores of models::decode
  std::vector<std::vector<double>> anchors;  ///< widths and heights by level, read off it; empty: none read
  std::string reason;                        ///< why it was not compared; empty where there is none to compare
  double worst_pixels = 0;                   ///< the largest difference of a box, relative to a pixel or its own size
  double worst_score = 0;
};

/// Runs a file's tail on raw outputs that are made here, and holds it against models::decode. heads: names of the
/// file's tensors that are the detector's outputs, in its order. Anchors (YOLOv5) are what raw outputs of 0 give: their
/// boxes are as large as the anchors. Both orders of rows and columns are known, and boxes as middles with sizes or as
/// corners. Never throws for a tail that is something else: that is `reason`.
DecodingTail read_tail(const onnx::Document& document, const onnx::RawGraph& raw, const graph::Graph& detector,
                       const std::vector<std::string>& heads, const std::vector<Shape>& shapes);

}  // namespace quench::weights
