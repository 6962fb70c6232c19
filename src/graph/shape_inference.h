#pragma once

#include "graph/graph.h"

namespace quench::graph {

/// Output shapes of one node for given input shapes ([1,C,H,W] or [1,C]).
/// Throws Error{data} naming the node where they do not fit its weights or attributes.
std::vector<Shape> infer_outputs(const Graph& graph, const Node& node, const std::vector<Shape>& inputs);

/// Recomputes the shape of every edge from those of the graph inputs.
void infer_shapes(Graph& graph);

/// The same model for another square or rectangular input; sets `imgsz` in the metadata ("640", or "480x640" as
/// height x width). The stride is the largest of metadata `stride` ("32" or "[8,16,32]"), 1 where there is none.
/// Throws Error{config} where height or width is not a positive multiple of the model's stride.
Graph with_image_size(Graph graph, int64_t height, int64_t width);

}  // namespace quench::graph
