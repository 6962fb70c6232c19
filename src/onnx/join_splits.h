#pragma once

#include "graph/graph.h"

namespace quench::onnx {

/// Splits of one edge become one: of slices `x[:, :16]` and `x[:, 16:]`, each a split whose other part nobody reads,
/// one split into both. Where a part that is read would be cut by another's bounds, the splits stay as they are.
graph::Graph join_splits(graph::Graph graph);

}  // namespace quench::onnx
