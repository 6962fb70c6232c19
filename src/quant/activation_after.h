#pragma once

#include "graph/links.h"

namespace quench::quant {

/// An activation and the edge of its values.
struct Activated {
  graph::Activation activation = graph::Activation::none;
  graph::EdgeId edge = -1;
};

/// The activation that alone reads a layer's output: its own fused one, a silu or relu node, or a sigmoid and the mul
/// of both (a silu as decompose_silu writes it), and what it gives. none: another reader sees the output as it is,
/// which is the edge then.
Activated activation_after(const graph::Graph& graph, const graph::Links& links, const graph::Node& layer);

}  // namespace quench::quant
