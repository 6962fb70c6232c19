#pragma once

#include "graph/graph.h"

namespace quench::onnx {

/// The inverse of graph::decompose_silu, whatever the nodes are called: x * sigmoid(x), where nothing else reads the
/// sigmoid, becomes a silu node in the mul's place, with its name. Nodes stay in topological order; edges that nobody
/// makes stay for graph::compact.
graph::Graph compose_silu(graph::Graph graph);

}  // namespace quench::onnx
