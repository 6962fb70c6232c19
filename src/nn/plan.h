#pragma once

#include <vector>

#include "graph/graph.h"

namespace quench::nn {

/// One turn of the interpreter.
struct Step {
  int node = 0;
  /// The silu node that may run in one pass with `node` (a batch_norm whose value nothing else reads), or -1.
  int silu = -1;
  /// Edges whose value nothing reads after this step.
  std::vector<graph::EdgeId> freed;
};

/// Steps in the graph's order; a silu that belongs to a batch_norm has no step of its own.
std::vector<Step> make_plan(const graph::Graph& graph);

}  // namespace quench::nn
