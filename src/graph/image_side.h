#pragma once

#include "graph/graph.h"

namespace quench::graph {

/// Side S of a model's image input [1,3,S,S] in pixels. Throws Error{unsupported} for one that is not square.
int image_side(const Graph& graph);

}  // namespace quench::graph
