#include "graph/image_side.h"

#include "core/error.h"

namespace quench::graph {

int image_side(const Graph& graph) {
  const Shape& shape = graph.edge(graph.inputs.at(0)).shape;
  if (shape.size() != 4 || shape[2] != shape[3]) {
    fail(ErrorKind::unsupported, "[graph] expected a square image input [1,3,S,S], got {}", quench::to_string(shape));
  }
  return static_cast<int>(shape[2]);
}

}  // namespace quench::graph
