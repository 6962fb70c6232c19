#pragma once

#include "graph/graph.h"

namespace quench::steps {

/// Side S of the model's image input [1,3,S,S]. Throws Error{unsupported} for one that is not square.
int square_side(const graph::Graph& graph);

}  // namespace quench::steps
