#pragma once

#include "graph/onnx_tail.h"
#include "models/detect_head.h"

namespace quench::models {

/// What `decode` computes, as ONNX operators behind a detector's raw outputs, for tools that bring their own
/// non-maximum suppression. File outputs, float32: `boxes` [N,M,4], x1 y1 x2 y2 in pixels of the network's input, not
/// clipped; `scores` [N,M,classes] in [0,1] (YOLOv5: objectness times class). All M rows, in the order of `decode`:
/// level by level, inside a level by anchor (YOLOv5), row, column. No thresholds, no suppression.
///
/// The grids are constants, so height and width are those of the graph; N stays open. Operators: Reshape, Transpose,
/// Sigmoid, Softmax, MatMul, Slice, Mul, Add, Sub, Concat, named `decode/level0/...`, all in float32 also behind a
/// quantized graph. Throws Error{config} for a classifier, Error{data} for a head that does not fit (detect_head) or
/// whose grid is not the input divided by the stride.
graph::OnnxTail decode_tail(const graph::Graph& graph);

}  // namespace quench::models
