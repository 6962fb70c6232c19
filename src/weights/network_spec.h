#pragma once

#include <vector>

#include "graph/graph.h"
#include "models/spec.h"

namespace quench::weights {

/// Edges of a network that may be raw outputs of a model: what convolutions and linear layers give that no other layer
/// reads on the way to the network's outputs, in order of its nodes.
std::vector<graph::EdgeId> raw_heads(const graph::Graph& network);

/// The models that a network could be, the likeliest first, by its first convolution, its steps of stride 2 and the
/// additions between them: published ones, YOLOv5u, and members of the families by multipliers. match_graph decides.
std::vector<models::Spec> candidate_specs(const graph::Graph& network);

}  // namespace quench::weights
