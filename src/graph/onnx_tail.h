#pragma once

#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "graph/graph.h"

namespace quench::graph {

/// A float32 tensor of a tail. Dimension 0 is the batch: 1 stands for any N, as on edges.
struct TailValue {
  std::string name;
  Shape shape;
};

/// One operator of ONNX's standard domain (opset 13).
struct TailNode {
  using Attribute = std::variant<int64_t, std::vector<int64_t>>;
  std::string op_type;              ///< "Transpose"
  std::string name;                 ///< unique in the file
  std::vector<std::string> inputs;  ///< outputs of the Graph or of nodes above, or constants of the tail
  std::vector<TailValue> outputs;
  std::map<std::string, Attribute> attributes;
};

/// Operators behind the outputs of a Graph, in files for other tools. A Graph does not hold them: they are written,
/// never read back (docs/runtimes.md, "Decoded outputs").
struct OnnxTail {
  std::vector<std::pair<std::string, Tensor>> constants;
  std::vector<TailNode> nodes;     ///< in topological order
  std::vector<TailValue> outputs;  ///< of the file, instead of the Graph's
  std::string kind;  ///< what they are ("decoded"): metadata `outputs`, by which read_onnx refuses the file
};

/// write_onnx with a tail behind the graph's outputs, which become inner values. What a Q/DQ graph gives out is
/// float32, so the tail computes in float. Deterministic. Throws Error{data} for a tensor or node name that is made
/// twice, a tensor that is read and made by nothing, and where write_onnx does.
std::string write_onnx(const Graph& graph, const OnnxTail& tail);

}  // namespace quench::graph
