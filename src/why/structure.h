#pragma once

#include <vector>

#include "graph/graph.h"
#include "why/findings.h"

namespace quench::why {

/// What the Graph alone says of each of its layers, in order: widths, whether it can run in integers and why not, and
/// how often values are rounded and converted around it.
std::vector<LayerFinding> layers_of(const graph::Graph& model);

/// Edges of values between a layer's sums and the activation behind it, which an engine that applies the activation to
/// the sums does not round: the layer's output, and a sigmoid's where x * sigmoid(x) stands for SiLU.
std::vector<graph::EdgeId> before_activation(const graph::Graph& model, const graph::Node& layer);

}  // namespace quench::why
