#pragma once

#include "graph/graph.h"

namespace quench::graph {

/// Checks every invariant: unique names, edges made once and before use, arity, attributes, weights present with the
/// right shape and dtype and finite, shapes as inferred, quantization parameters well formed (scale finite and > 0,
/// zero point in range, as many as the axis is long; dynamic ones of edges that nodes make, as dynamic_range.h has
/// them), outputs reachable, no orphan weight. Throws Error{data} that names the first offender.
void verify(const Graph& graph);

}  // namespace quench::graph
