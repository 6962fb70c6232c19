#pragma once

#include <vector>

#include "graph/graph.h"

namespace quench::nn {

/// Which edges must keep one quantization scale.
struct RangeGroups {
  /// Group of each edge, -1 where the edge is not quantized. Edges of one group have equal QuantParams and are joined
  /// by operations that only move values (concat, max_pool, upsample, split, flatten).
  std::vector<int> group;
  /// Edges of each group, ascending.
  std::vector<std::vector<graph::EdgeId>> members;
  /// Whether the group's scale may be learned: per tensor, not a graph input, not found as the model runs, not a
  /// sigmoid's output (its range is known: 1/256).
  std::vector<bool> learnable;
  /// Edges whose fake-quantize is the identity: made by a value-moving operation from edges of the same group, which
  /// are on the grid already. Skipping it changes neither values nor gradients.
  std::vector<bool> redundant;
};

/// Groups by union-find over the value-moving nodes; edges with different QuantParams stay apart.
RangeGroups find_range_groups(const graph::Graph& graph);

}  // namespace quench::nn
