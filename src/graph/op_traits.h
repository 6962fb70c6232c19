#pragma once

#include <span>
#include <string_view>

#include "graph/graph.h"

namespace quench::graph {

/// One weight that an operation may own.
struct WeightRole {
  std::string_view name;
  bool required;
  bool learned;  ///< by gradients; the others are statistics of batches
};

/// Where the channels (axis 1) of a node's outputs come from.
enum class Channels {
  mixed,    ///< each is made of all input channels, or of those of its group: conv, linear
  kept,     ///< channel c of every input becomes channel c of the output, so that inputs must agree
  joined,   ///< the inputs' channels one after another: concat
  divided,  ///< the outputs have the input's channels one after another: split
};

/// What an operation is, for all who ask: passes, quantization, training, cost, runtimes. One row an operation.
struct OpTraits {
  Op op;
  std::span<const WeightRole> weights = {};  ///< in the order in which ONNX takes them as inputs
  Channels channels = Channels::kept;
  size_t attributes = 0;  ///< the alternative of Attributes that its nodes carry (0: none)
  /// conv and linear: multiply and accumulate with a `weight` [O, ...] that is quantized, pruned, kept in float.
  bool layer = false;
  /// Outputs hold values of the inputs alone, so that inputs and outputs can share integers, and so one scale.
  bool moves_values = false;
  bool pointwise = false;         ///< one input, each value by itself: a table of 256 entries in integers
  bool unit_range = false;        ///< outputs lie in [0,1] whatever the input
  bool takes_activation = false;  ///< Node::activation may be set
  /// Engines for deployment make a pass over memory for it. The others are fused into the layer before them
  /// (activations, batch norm), or producers write in place (concat, split, flatten).
  bool own_pass = false;
};

/// The row of an operation.
const OpTraits& traits(Op op);

/// All rows, in the order of Op.
std::span<const OpTraits> op_table();

}  // namespace quench::graph
