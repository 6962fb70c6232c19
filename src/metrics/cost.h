#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace quench::metrics {

/// Cost of one node for one image.
struct NodeCost {
  std::string name;
  std::string op;
  Shape input;
  Shape output;
  int64_t params = 0;         ///< learnable scalars: weight and bias, batch norm's weight and bias
  int64_t macs = 0;           ///< multiply-accumulates of conv and linear
  int64_t bops = 0;           ///< macs x bits_w x bits_a (32 where float)
  int64_t weights_bytes = 0;  ///< as stored: int8 counts 1, scales counted
  int64_t activation_bytes = 0;  ///< outputs, as they flow (1 byte an element where quantized)
};

/// Cost of a model for one image at its size.
struct Cost {
  std::vector<NodeCost> nodes;
  int64_t params = 0;         ///< of the graph as it is (published counts are unfolded)
  int64_t macs = 0;
  double gflops = 0;          ///< 2 x macs / 1e9
  int64_t bops = 0;
  int64_t weights_bytes = 0;
};

/// Counts over the graph as given. macs do not depend on whether batch norm is folded.
Cost cost(const graph::Graph& graph);

}  // namespace quench::metrics
