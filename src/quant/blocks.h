#pragma once

#include <cstddef>
#include <vector>

#include "graph/graph.h"

namespace quench::quant {

/// Nodes that stand behind one another in the Graph, of which one edge from outside is read and one is read outside.
struct Block {
  size_t first = 0, last = 0;  ///< indices of nodes, both in it
  graph::EdgeId entry = -1;    ///< read by the first, which is a layer
  graph::EdgeId exit = -1;
  std::vector<size_t> layers;  ///< whose weights are rounded, two or more
};

/// Blocks as BRECQ reconstructs them (Li et al. 2021, section 3.2): the largest parts of one name (`model.2.*`, else
/// `model.2.m.0.*`, ...) whose wiring has one way in and one way out, with at most `most_layers` layers. A name is a
/// hint; the wiring decides. What is in no block stands alone.
std::vector<Block> blocks_of(const graph::Graph& graph, size_t most_layers = 12);

}  // namespace quench::quant
