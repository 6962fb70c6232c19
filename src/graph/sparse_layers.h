#pragma once

#include <map>
#include <string>

#include "graph/graph.h"

namespace quench::graph {

/// A layer that was made sparse: the zeros among its weights are its mask.
struct SparseLayer {
  std::string pattern;  ///< unstructured, kernel, or N:M as "2:4"
  double zeros = 0;     ///< share of its weights, in [0,1], when it was made sparse
  bool operator==(const SparseLayer&) const = default;
};

/// Sparse layers by the name of their node.
using SparseLayers = std::map<std::string, SparseLayer>;

/// What the metadata `sparse` (JSON: {"layers": {NAME: {"pattern": "2:4", "zeros": 0.5}}}) say, of layers that the
/// graph has; none where there are no such metadata. Throws Error{data} for a text of another form.
SparseLayers sparse_layers(const Graph& graph);

/// Sets the metadata `sparse`.
void set_sparse_layers(Graph& graph, const SparseLayers& layers);

/// Whether the metadata say of any layer that it was made sparse.
bool is_sparse(const Graph& graph);

}  // namespace quench::graph
