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

/// Of each node, whether the native engine applies its SiLU to a convolution's sum before that becomes bytes: a
/// quantized convolution with a fused SiLU, or a SiLU behind one with nothing rounded between, whose result is
/// quantized, in a Graph that was quantized for the native engine (metadata `target`).
std::vector<bool> silus_of_sums(const graph::Graph& graph);

/// Steps in the graph's order; a silu that belongs to a batch_norm has no step of its own.
std::vector<Step> make_plan(const graph::Graph& graph);

}  // namespace quench::nn
