#pragma once

#include "graph/graph.h"

namespace quench::graph {

/// Folds every batch_norm that follows a conv with one consumer into that conv's weight and bias
/// (w' = w * gamma / sqrt(var + eps); b' = (b - mean) * gamma / sqrt(var + eps) + beta), computed in double.
/// The conv keeps its name and takes over the batch norm's output edge.
Graph fold_batch_norms(Graph graph);

/// Moves a silu or relu that is the only consumer of a conv, linear or add into that node's `activation`.
/// Not where the edge between carries quantization parameters.
Graph fuse_activations(Graph graph);

/// Inverse of fuse_activations: every fused activation becomes a node of its own again (name `<node>.act`).
Graph unfuse_activations(Graph graph);

/// silu nodes (fused ones too) become sigmoid (`<name>.sigmoid`) and mul (`<name>.mul`), for runtimes that
/// quantize the two by themselves (ONNX Runtime).
Graph decompose_silu(Graph graph);

/// Removes nodes, edges and weights that no output depends on, and renumbers edges in order of use.
Graph compact(Graph graph);

}  // namespace quench::graph
