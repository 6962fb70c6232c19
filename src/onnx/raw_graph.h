#pragma once

#include <map>
#include <string>

#include "graph/graph.h"
#include "onnx/document.h"

namespace quench::onnx {

/// What a Graph can hold of a file of another tool.
struct RawGraph {
  /// From the input on, in float, activations as nodes of their own. Edges are called by the file's tensors. Outputs:
  /// the file's, where the Graph holds all; else the edges that operators read which it cannot hold, in order.
  graph::Graph graph;
  int64_t batch = 1;                        ///< images that the file runs at once, where it is fixed
  std::map<std::string, int64_t> unheld;    ///< operators that a Graph cannot hold, with how many there are
  std::string first_reason;                 ///< of an operator that it has, in another form; empty where there is none
  std::map<std::string, Tensor> constants;  ///< those of the file and what follows from them and from shapes
};

/// Reads a file into a Graph, node by node: layers as they are, shifts and factors of channels as layers, shape
/// arithmetic computed. height, width: of the input where the file leaves them open; 0: not known.
/// Throws Error{config} where a size that is open is not known; Error{unsupported} for other than one float input
/// [N,3,H,W]; Error{data} for sizes of 0, and constants that would not fit memory.
RawGraph read_raw_graph(const Document& document, int64_t height, int64_t width);

/// "Gather x3, Softmax x1", with the reason of the first where it is a form that is not held.
std::string unheld_text(const RawGraph& raw);

}  // namespace quench::onnx
