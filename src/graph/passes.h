#pragma once

#include "graph/graph.h"

namespace quench::graph {

/// Folds every batch_norm that follows a conv with one consumer into that conv's weight and bias
/// (w' = w * gamma / sqrt(var + eps); b' = (b - mean) * gamma / sqrt(var + eps) + beta), computed in double.
/// The conv keeps its name, gets a `bias` and takes over the batch norm's output edge. Takes float graphs only:
/// throws Error{data} where an edge or weight has quantization parameters.
/// A graph without batch norm comes back as it is, quantized or not.
Graph fold_batch_norms(Graph graph);

/// Moves a silu or relu that is the only consumer of a conv, linear or add into that node's `activation`.
/// Not where the edge between carries quantization parameters.
Graph fuse_activations(Graph graph);

/// Inverse of fuse_activations: every fused activation becomes a node of its own again. It is named after its output
/// edge (`model.0.act`; `<node>.act` where that name is taken), and the edge between after the first node
/// (`model.0.conv`). So fuse(unfuse(g)) == g for fused g, and unfuse(fuse(g)) == g where edges are named after the
/// nodes that make them (after fold_batch_norms: but for the names `model.0.bn`, which become `model.0.conv`).
Graph unfuse_activations(Graph graph);

/// silu nodes (fused ones too) become sigmoid (`<name>.sigmoid`) and mul (`<name>.mul`), for runtimes that
/// quantize the two by themselves (ONNX Runtime). The mul takes over the silu's output edge.
Graph decompose_silu(Graph graph);

/// Removes nodes, edges and weights that no output depends on, and renumbers edges in order of use. Graph inputs stay.
Graph compact(Graph graph);

}  // namespace quench::graph
